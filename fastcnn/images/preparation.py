"""What a model must be told about photographs: how they are decoded and prepared, and what its classes are called."""

from dataclasses import dataclass

from fastcnn import arguments
from fastcnn.images.augmentation import Augmentation


@dataclass(frozen=True, eq=False)
class Preparation:
    """How a model's photographs become its input; kept in the model's metadata, under "images" and "class_names".

    Args:
        size: pixels to which the short side is resized, before the middle is cut out.
        augmentation: of evaluation, an `Augmentation` with a mean per channel.
        class_names: the classes in the order of the model's outputs.
        channels: 3 for RGB, 1 for grey.
        ground: colour behind transparent parts.

    Raises:
        TypeError, ValueError: naming the argument and what was received.

    Example:
        >>> model = fastcnn.networks.lenet5()
        >>> Preparation(32, Augmentation(28, std=255).evaluation(), list("0123456789"), channels=1).put(model)
        >>> Preparation.of(model).size
        32
    """

    size: int
    augmentation: Augmentation
    class_names: list
    channels: int = 3
    ground: str = "white"

    def __post_init__(self):
        arguments.integer("size", self.size)
        if not isinstance(self.augmentation, Augmentation):
            raise TypeError(f"augmentation must be an Augmentation. Received: {self.augmentation!r}")
        if self.channels not in (1, 3):
            raise ValueError(f"channels must be 3 (RGB) or 1 (grey). Received: {self.channels!r}")
        names = self.class_names
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise TypeError(f"class_names must be a list of strings. Received: {names!r}")

    def put(self, model):
        """Writes it to the model's metadata, so that it is saved with the model."""
        model.metadata["class_names"] = list(self.class_names)
        model.metadata["images"] = {"size": self.size, "channels": self.channels, "ground": self.ground,
                                    "augmentation": self.augmentation.get_config()}

    @classmethod
    def of(cls, model):
        """That of a model, or None if its metadata say nothing of photographs.

        Raises:
            ValueError: the metadata are damaged, or do not fit the model.
        """
        images = model.metadata.get("images")
        if images is None:
            return None
        try:
            augmentation = Augmentation.from_config(images["augmentation"])
            found = cls(images["size"], augmentation, model.metadata["class_names"], images["channels"], images["ground"])
            shape = (None, *augmentation.out_shape((found.size, found.size, found.channels)))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f'metadata must say how photographs are prepared in "images" and "class_names". Received: '
                             f"{type(error).__name__}: {error}") from None
        if shape != tuple(model.input_shape) or (None, len(found.class_names)) != tuple(model.output_shape):
            raise ValueError(f"metadata must fit the model, {model.input_shape} → {model.output_shape}. Received: images of "
                             f"{shape} and {len(found.class_names)} class names")
        return found
