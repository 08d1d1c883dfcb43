"""The shape a model starts from."""

from fastcnn.layers.base import Layer


class Input(Layer):
    """Says what samples look like; the first entry of a model, in place of `input_shape=`.

    Args:
        shape: of one sample, without the batch.

    Example:
        >>> fastcnn.Sequential([fastcnn.Input((784,)), fastcnn.layers.Dense(10)]).output_shape
        (None, 10)
    """

    def __init__(self, shape, **base):
        super().__init__(input_shape=shape, **base)
        Layer.learning_rate_multiplier.apply(self, self.learning_rate_multiplier)  # refused: there is nothing to multiply
        Layer.weight_decay_multiplier.apply(self, self.weight_decay_multiplier)

    def nodes(self):
        return []

    def get_config(self):
        config = super().get_config()
        config["shape"] = config.pop("input_shape")
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "shape": tuple(config["shape"])})
