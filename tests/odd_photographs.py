"""A folder of photographs with one of each oddity that folders of photographs have in the world, and what it comes to."""

import io
import os
import sys
from collections import namedtuple

import numpy as np
from PIL import Image, features

CLASSES = "cat", "dog", "fish"
ENDINGS = [  # what files are called, and what they are
    (".jpg", "JPEG"), (".JPG", "JPEG"), (".jpeg", "JPEG"), (".jpe", "JPEG"), (".jfif", "JPEG"), ("", "JPEG"),
    (".dat", "JPEG"), (".jpg", "PNG"), (".png", "PNG"), (".webp", "WEBP"), (".gif", "GIF"), (".bmp", "BMP"),
    (".tif", "TIFF"), (".ppm", "PPM"), (".jp2", "JPEG2000"), (".ico", "ICO"),
    *([(".avif", "AVIF")] if features.check("avif") else []),
]
DEEP = ["2019", "2019/may", "images", "a/b/c/d/e/f/g/h/i"]  # folders within class folders

Expected = namedtuple("Expected", "files training validation left_out folders")
Expected.__doc__ = ("Of the folder: all files, links among them; images to train on and to validate on; {reason: how many} "
                    "of files left out, and of folders.")


def picture(seed):
    """A small colour picture, another one for each seed."""
    x = np.random.default_rng(seed).integers(0, 256, (18, 14, 3)).astype(np.uint8)
    return Image.fromarray(x)


def content(seed, form="JPEG"):
    """The bytes of a file."""
    file, image = io.BytesIO(), picture(seed)
    image.save(file, form, **({"sizes": [image.size]} if form == "ICO" else {}))  # else ≥ 16 × 16
    return file.getvalue()


def put(path, data):
    """Writes a file, and the folders it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def write(folder, photographs=200):
    """Writes the folder: `train` with three classes, `val` with one more, and all that else lies about."""
    for i in range(photographs):
        ending, form = ENDINGS[i // 3 % len(ENDINGS)]
        inner = f"{DEEP[i // 30 % 4]}/" if i % 5 == 0 else ""
        part = "val" if i % 4 == 3 else "train"
        put(folder / part / CLASSES[i % 3] / f"{inner}{i:03d}{ending}", content(i, form))
    put(folder / "val" / "fox" / "1.jpg", content(1000))           # a class that only validation has
    put(folder / "test" / "cat" / "1.jpg", content(1001))          # beside both
    put(folder / "train" / "preview.jpg", content(1002))           # in no class
    put(folder / "train" / "cat" / "empty.jpg", b"")
    put(folder / "train" / "dog" / "page.jpg", b"<html>404 Not Found</html>")
    put(folder / "train" / "dog" / "phone.heic", b"\0\0\0\x18ftypheic" + bytes(40))
    put(folder / "train" / "cat" / "notes.txt", b"BMW is a car, not a BMP; Python is no PPM")
    put(folder / "train" / "cat" / "more.zip", b"PK\3\4" + bytes(30))
    for name in "train/.DS_Store", "train/cat/._001.jpg", "__MACOSX/train/cat/x.jpg", ".git/objects/1.jpg":
        put(folder / name, content(1003))
    (folder / "train" / "bird").mkdir()                            # a class without images
    left = {"of another class": 1, "beside": 1, "outside of class folders": 1, "empty": 1, "no image": 2, "HEIC": 1,
            "archive within": 1, "hidden": 4}
    folders = {"without images": 1}
    if hasattr(os, "symlink") and sys.platform != "win32":
        (folder / "train" / "cat" / "loop").symlink_to("..")       # a photograph five times, once
        (folder / "train" / "dog" / "cats").symlink_to(folder / "train" / "cat")
        (folder / "train" / "fish" / "best.jpg").symlink_to(min((folder / "train" / "fish").glob("*.jpg")).name)
        (folder / "train" / "fish" / "gone.jpg").symlink_to("nothing.jpg")
        os.mkfifo(folder / "train" / "fish" / "pipe.jpg")          # to be opened by nobody
        left.update({"link to a file that is counted already": 1, "link to nothing": 1, "no regular file": 1})
        folders["link to a folder that is counted already"] = 2
    if hasattr(os, "geteuid") and os.geteuid():
        put(folder / "train" / "locked" / "1.jpg", content(1004))
        put(folder / "train" / "cat" / "locked.jpg", content(1005))
        (folder / "train" / "cat" / "locked.jpg").chmod(0)
        (folder / "train" / "locked").chmod(0)
        left["unreadable"], folders["unreadable"] = 1, 1
    validation = sum(i % 4 == 3 for i in range(photographs))
    return Expected(photographs + sum(left.values()), photographs - validation, validation, left, folders)
