"""CIFAR-100: 60,000 colour photographs of a hundred kinds of things, in twenty groups, 32 × 32 pixels."""

from __future__ import annotations

from fastcnn import arguments
from fastcnn.datasets.cifar import MIRRORS, Version, located, official
from fastcnn.datasets.download import RemoteFile
from fastcnn.typing import Array, Path

CLASS_NAMES = tuple("""
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
    castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
    elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster
    man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck
    pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
    skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger
    tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
""".split())
COARSE_NAMES = tuple("""
    aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices
    household_furniture insects large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes
    large_omnivores_and_herbivores medium_mammals non-insect_invertebrates people reptiles small_mammals trees
    vehicles_1 vehicles_2
""".split())

_COUNTS = 50000, 10000  # images in the file to train on, and to test on

# The SHA-256 are those that Keras (python version) and Julia's MLDatasets (binary version) demand. The official page gives
# MD5: eb9058c3a382ffc7106e4002c42a8d85 and 03b5dce01913d631647c71ecec9e9cb8.
_ARCHIVES = (
    RemoteFile("cifar-100-binary.tar.gz", 168_513_733, "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
               tuple(f"{mirror}cifar-100-binary.tar.gz" for mirror in MIRRORS[1:])),
    RemoteFile("cifar-100-python.tar.gz", 169_001_437, "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
               tuple(f"{mirror}cifar-100-python.tar.gz" for mirror in MIRRORS[1:])),
)


def load_data(path: Path | None = None, label_mode: str = "fine") -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Load CIFAR-100, in Keras' shapes.

    Args:
        path: a folder or an archive (tar or zip) of the official binary version (train.bin, test.bin) or of the python
            version (train, test), or a folder that holds the official archive or its unpacked folder. None: the folder that
            FASTCNN_DATA names, or a folder of the user's for caches; what is not there is downloaded, 169 MB, once.
        label_mode: "fine": labels 0 to 99 are `CLASS_NAMES`; "coarse": 0 to 19 are `COARSE_NAMES`.

    Shape:
        (x_train, y_train), (x_test, y_test), all uint8: x_train (50000, 32, 32, 3), y_train (50000, 1), x_test
        (10000, 32, 32, 3), y_test (10000, 1).

    Raises:
        ValueError: a file is damaged, incomplete or of another kind; the message names it and says what was expected.
        DownloadError: no mirror gave the archive; the message says what to download by hand.
        OSError: the path does not exist.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data("cifar-100-python.tar.gz")  # doctest: +SKIP
        >>> x_train.shape, CLASS_NAMES[y_test[0, 0]]  # doctest: +SKIP
        ((50000, 32, 32, 3), 'mountain')

    Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009,
    https://www.cs.toronto.edu/~kriz/cifar.html
    """
    arguments.choice("label_mode", label_mode, ("fine", "coarse"))
    keys = "coarse_labels", "fine_labels"  # in the order of a binary row
    versions = [Version(folder, (f"train{suffix}",), (f"test{suffix}",), archive, keys, not suffix)
                for (folder, suffix), archive in zip((("cifar-100-binary", ".bin"), ("cifar-100-python", "")), _ARCHIVES)]
    path = located(path, versions)
    classes = len(CLASS_NAMES if label_mode == "fine" else COARSE_NAMES)
    found = official(path, versions, _COUNTS, f"{label_mode}_labels", classes)
    if found is None:
        raise ValueError(f"{path}: must hold {' and '.join(versions[0].names)}, or {' and '.join(versions[1].names)}. "
                         "Received: neither")
    return found
