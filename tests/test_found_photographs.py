"""Photographs that must not be silently absent: whatever they are called, wherever they lie, in folders and archives; and
one line that accounts for every file."""

import copy
import gzip
import io
import multiprocessing
import os
import pickle
import re
import shutil
import struct
import sys
import tarfile
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from fastcnn.datasets import ImageFiles, ImageFolder, Subset, find_parts
from fastcnn.datasets.archives import Zip
from fastcnn.datasets.listing import Listing
from fastcnn.datasets.opening import open_files
from fastcnn.images import Augmentation, ImageBatches, ImageError, decode_image, openers
from fastcnn.recipes.sources import training_sources

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

import odd_photographs  # noqa: E402  needs Pillow
from odd_photographs import ENDINGS, content, put  # noqa: E402

links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
TREE = {name: i for i, name in enumerate(["cat/1.jpg", "cat/2.png", "dog/1.jpg", "dog/old/2.jpg", "fish/1.jpg"])}


@pytest.fixture
def photos(tmp_path):
    """A function that writes a tree of pictures, {name: seed}, and returns its folder."""
    def write(tree=None, top="photos"):
        for name, seed in (TREE if tree is None else tree).items():
            put(tmp_path / top / name, content(seed, "PNG"))
        return tmp_path / top

    return write


def found(source):
    """{path: class} of a source."""
    return {path: source.class_names[label] for path, label in zip(source.paths, source.labels)}


# What is an image


@pytest.mark.parametrize("ending, form", ENDINGS, ids=lambda value: value or "none")
def test_content_tells_not_the_ending(tmp_path, ending, form):
    put(tmp_path / "p" / "a" / f"x{ending}", content(1, form))
    put(tmp_path / "p" / "a" / "notes.txt", b"BM is a BMP, P6 a PPM")
    put(tmp_path / "p" / "b" / "y.jpg", content(2))
    source = ImageFolder(tmp_path / "p", size=8)
    assert found(source) == {f"a/x{ending}": "a", "b/y.jpg": "b"} and source.left_out == {"a/notes.txt": "no image"}
    assert (source[0][0] == decode_image(content(1, form), 8)).all() and not source.broken


@pytest.mark.parametrize("head", [b"", b"P", b"hello world", b"BMW, series 3", b"Python is no PPM", b"P7 text", b"<html>",
                                  b"\0" * 16, b"%PDF-1.7", b"PK\3\4", b"%!PS-Adobe-3.0 EPSF", b"II*", b"\x89PNG"], ids=repr)
def test_other_files_are_no_images(head):
    assert openers.unreadable(head)


def test_openers_that_were_registered_from_elsewhere(tmp_path, monkeypatch):
    """As pillow_heif does it, in the module of another package."""
    def opener(file, name=None):
        return Image.open(io.BytesIO(file.read()[8:]))

    monkeypatch.setattr(Image, "OPEN", dict(Image.OPEN))
    monkeypatch.setattr(Image, "ID", list(Image.ID))
    data = b"OWNKIND\n" + content(3, "PNG")
    put(tmp_path / "a" / "x.own", data)
    put(tmp_path / "a" / "y.jpg", content(1))
    assert ImageFiles(tmp_path, size=8).paths == ["a/y.jpg"]
    Image.register_open("OWN", opener, lambda prefix: prefix.startswith(b"OWNKIND"))
    source = ImageFiles(tmp_path, size=8)
    assert source.paths == ["a/x.own", "a/y.jpg"] and (source[0][0] == decode_image(content(3, "PNG"), 8)).all()


def test_heic_without_a_plugin_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setattr(openers, "_tried", set())
    heic = b"\0\0\0\x18ftypheic" + bytes(99)
    put(tmp_path / "a" / "x.heic", heic)
    put(tmp_path / "a" / "y", heic)
    put(tmp_path / "a" / "z.jpg", heic)
    with pytest.raises(ValueError, match=r"Received: 3 × HEIC \(pip install pillow-heif\) \(a/x.heic …\)"):
        ImageFiles(tmp_path)
    put(tmp_path / "a" / "1.jpg", content(1))
    source = ImageFiles(tmp_path, size=8)
    assert source.paths == ["a/1.jpg", "a/x.heic", "a/z.jpg"], "what promises an image counts as one"
    assert list(source.broken) == [1, 2] and "HEIC" in source.broken[1] and "HEIC" in source.left_out["a/y"]
    with pytest.raises(ImageError, match=r"HEIC \(pip install pillow-heif\)"):
        decode_image(heic, 8)


# Where they lie


@pytest.mark.parametrize("inner", ["2019", "2019/may", "images", "/".join("abcdefghijkl"), "/".join(["d"] * 300)])
def test_class_folders_with_folders(photos, inner):
    source = ImageFolder(photos({f"cat/{inner}/1.png": 1, "cat/2.png": 2, f"dog/{inner}/x/1.png": 3}), size=8)
    assert found(source) == {f"cat/{inner}/1.png": "cat", "cat/2.png": "cat", f"dog/{inner}/x/1.png": "dog"}


def test_tiny_imagenet(photos):
    """Class folders with a folder "images"; a validation part without classes, which is no reason to stop."""
    tree = {f"tiny/train/n{k}/images/n{k}_{i}.JPEG": 10 * k + i for k in range(3) for i in range(5)}
    folder = photos({**tree, **{f"tiny/val/images/val_{i}.JPEG": i for i in range(4)}, "tiny/test/images/t.JPEG": 1})
    put(folder / "tiny" / "val" / "val_annotations.txt", b"val_0.JPEG\tn0\t1\t2\t3\t4\n")
    assert find_parts(folder) == ("tiny/train", "tiny/val")
    training, validation, _, line = training_sources(folder, size=8)
    assert (training.class_names, len(training), len(validation)) == (["n0", "n1", "n2"], 12, 3)
    assert "(0.2 of each class, held out)" in line
    assert "5 × beside tiny/train (tiny/test/images/t.JPEG …)" in line


def test_a_class_that_only_validation_has(photos):
    folder = photos({"train/cat/1.png": 1, "train/dog/1.png": 2, "val/cat/2.png": 3, "val/fox/1.png": 4, "val/fox/2.png": 5})
    training, validation, _, line = training_sources(folder, size=8)
    assert training.class_names == validation.class_names == ["cat", "dog"] and found(validation) == {"cat/2.png": "cat"}
    assert "cat (1 + 1), dog (1 + 0); left out: 2 × of another class (fox) (val/fox/1.png …)" in line
    with pytest.raises(ValueError, match=r"must be folders of .*, which holds \['cat', 'fox'\]. Received: \['dog'\]"):
        ImageFolder(folder, "val", class_names=training.class_names)


@pytest.mark.parametrize("tree, parts", [
    (["top/train/cat/1", "top/val/cat/1"], ("top/train", "top/val")),
    (["training_set/cat/1"], ("training_set", None)), (["training/cat/1", "testing/cat/1"], ("training", "testing")),
    (["train/train/cat/1", "train/train/dog/1", "test/test/cat/1"], ("train/train", "test/test")),
    (["cat/2019/1", "cat/2020/1", "dog/2019/1", "dog/1"], (None, None)), (["x/cat/1", "x/dog/1", "preview"], ("x", None)),
    (["cat/1", "cat/2019/1"], (None, None)),
], ids=str)
def test_parts_of_deeper_folders(photos, tree, parts):
    assert find_parts(photos({f"{name}.png": i for i, name in enumerate(tree)})) == parts


def test_folders_one_level_further_in_do_not_pass_for_classes(photos):
    for tree, named in ({"flowers/cat/1.png": 1, "flowers/dog/1.png": 2, "a.png": 3}, "'flowers'"), \
            ({"train/cat/1.png": 1, "val/cat/1.png": 2}, "'train', 'val'"):
        folder = photos(tree, top=named)
        with pytest.raises(ValueError, match=f"folder must say where in .* the class folders lie: {named}. Received: None"):
            ImageFolder(folder)
        assert ImageFolder(folder, named.split("'")[1], size=8).class_names[0] == "cat"
    with pytest.raises(ValueError, match="two classes or more. Received: cat alone"):
        training_sources(photos({"cat/1.png": 1, "cat/2.png": 2}, "one"))


def test_classes_that_are_chosen(photos):
    folder = photos()
    training, validation, _, line = training_sources(folder, size=8, classes=["fish", "cat"], validation_split=0.5)
    assert training.class_names == ["fish", "cat"] and "2 × of another class (dog) (dog/1.jpg …)" in line
    for labels in None, {name: name.split("/")[0] for name in TREE}:
        with pytest.raises(ValueError, match="classes must have images to train on. Received: dgo"):
            training_sources(folder, size=8, classes=["cat", "dgo"], labels=labels)


def test_empty_class_folders(photos):
    folder = photos()
    (folder / "bird").mkdir()
    put(folder / "eel" / "x.heic", b"\0\0\0\x18ftypheic")
    with pytest.raises(ValueError, match=r"every class folder of .*none in bird, eel: no files"):
        ImageFolder(folder)
    training, _, _, line = training_sources(folder, size=8)
    assert training.class_names == ["cat", "dog", "fish"]
    assert "left out: 1 × HEIC" in line and "folders: 2 × without images (bird/ …)" in line


# Links, and folders that cannot be read


@links
def test_each_folder_and_file_counts_once(photos):
    folder = photos()
    (folder / "cat" / "loop").symlink_to(folder)
    (folder / "dog" / "up").symlink_to("..")
    (folder / "dog" / "cats").symlink_to("../cat")
    (folder / "fish" / "self.jpg").symlink_to("self.jpg")
    (folder / "fish" / "0.jpg").symlink_to("1.jpg")
    (folder / "fish" / "gone.jpg").symlink_to("nowhere.jpg")
    source = ImageFolder(folder, size=8)
    assert sorted(source.paths) == sorted(TREE)
    why = dict(source.left_out)
    assert why.pop("fish/0.jpg") == "link to a file that is counted already"
    assert why.pop("fish/gone.jpg") == "link to nothing"
    assert set(why) == {"cat/loop/", "dog/cats/", "dog/up/", "fish/self.jpg"}


@links
def test_folders_that_link_to_each_other_end_soon(tmp_path):
    """Each of 30 folders leads to all others: 30! ways, 30 folders."""
    for i in range(30):
        put(tmp_path / "p" / f"{i:02d}" / "x.png", content(i, "PNG"))
    for i in range(30):
        for j in range(30):
            (tmp_path / "p" / f"{i:02d}" / f"to{j}").symlink_to(f"../{j:02d}")
    started = time.process_time()
    assert len(ImageFolder(tmp_path / "p", size=8)) == 30 and time.process_time() - started < 5


@links
def test_sets_made_of_links(photos):
    """A part of links to a store: beside it, within it, and outside."""
    store = photos(top="store")
    folder = photos({"all/cat/1.png": 7, "all/dog/1.png": 8}, "set")
    for part in "train", "val":
        (folder / part).mkdir()
        (folder / part / "fish").symlink_to(store / "fish")
        for name in "cat", "dog":
            put(folder / part / name / "own.png", content(9, "PNG"))
            (folder / part / name / "link.png").symlink_to(folder / "all" / name / "1.png")
    training, validation, _, line = training_sources(folder, size=8)
    assert training.paths == ["cat/link.png", "cat/own.png", "dog/link.png", "dog/own.png", "fish/1.jpg"]
    assert len(validation) == 4, "a folder is walked once, and a file may be in either part"
    assert "beside train and val (all/cat/1.png …)" in line


@links
def test_hidden_folders_come_last(photos):
    """Where links lead into hidden folders, as ..data of mounted volumes, files are called by the links."""
    folder = photos({"..2024/cat/1.png": 1, "..2024/dog/1.png": 2})
    for name in "cat", "dog":
        (folder / name).symlink_to(f"..2024/{name}")
    assert found(ImageFolder(folder, size=8)) == {"cat/1.png": "cat", "dog/1.png": "dog"}


def test_one_unreadable_folder_does_not_stop_the_others(photos, monkeypatch):
    folder = photos()
    scandir, opened = os.scandir, open

    def guarded(path="."):
        if str(path).endswith(("fish", "old")):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    def guard(path, *arguments, **options):
        if str(path).endswith("cat/2.png"):
            raise PermissionError(13, "Permission denied", path)
        return opened(path, *arguments, **options)

    monkeypatch.setattr(os, "scandir", guarded)
    monkeypatch.setattr("builtins.open", guard)
    source = ImageFolder(folder, size=8)
    assert source.paths == ["cat/1.jpg", "cat/2.png", "dog/1.jpg"] and source.class_names == ["cat", "dog"]
    assert source.left_out == {"fish/": "unreadable (Permission denied)", "dog/old/": "unreadable (Permission denied)"}
    assert source.broken[1].endswith("cat/2.png: must be an intact image. Received: unreadable (Permission denied)")
    line = training_sources(folder, size=8).line
    assert "1 × unreadable (Permission denied) (cat/2.png); folders: 2 × unreadable (Permission denied) (dog/old/ …)" in line


# Archives


def zipped(path, names, **options):
    """{name in the archive: seed}"""
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, seed in names.items():
            entry = zipfile.ZipInfo("x")
            entry.filename, entry.compress_type = name, archive.compression  # as it stands, backslashes included
            archive.writestr(entry, content(seed, "PNG"))
    return path


@pytest.mark.parametrize("spell", ["./{}", "/{}", ".//./{}", "top/{}"])
@pytest.mark.parametrize("separator", ["/", "//", "\\", "/./"])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_zips_however_names_are_spelt(tmp_path, spell, separator, compression):
    path = zipped(tmp_path / "a.zip", {spell.format(name).replace("/", separator): seed for name, seed in TREE.items()},
                  compression=compression)
    training, validation, _, line = training_sources(path, size=8, validation_split=0.5)
    assert sorted(training.paths + validation.paths) == sorted(TREE) and line.endswith("left out: nothing")
    image, _ = training[0]
    assert (image == decode_image(content(TREE[training.paths[0]], "PNG"), 8)).all()


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("top", [".", "photos", "a/b"])
def test_tars(photos, tmp_path, mode, top):
    folder = photos()
    (tmp_path / "photos" / ".hidden").write_bytes(b"")
    with tarfile.open(tmp_path / "a.tgz", mode) as archive:
        archive.add(folder, top)
    alone, source = ImageFolder(folder, size=8), ImageFolder(tmp_path / "a.tgz", None if top == "." else top, size=8)
    assert found(source) == found(alone) and all((a == b).all() for (a, _), (b, _) in zip(source, alone))
    assert source.left_out == {".hidden": "hidden"}
    training, validation, notes, line = training_sources(tmp_path / "a.tgz", size=8)
    assert notes == training_sources(folder, size=8).notes and "6 files" in line


@pytest.mark.skipif(shutil.which("tar") is None, reason="no tar here")
def test_what_tar_itself_makes(photos, tmp_path):
    folder = photos()
    for name in "a.tar", "b.tar.gz", "c.tar.xz":
        assert os.system(f"tar -C '{folder}' -caf '{tmp_path / name}' .") == 0
        assert sorted(ImageFolder(tmp_path / name, size=8).paths) == sorted(TREE)


def test_links_in_archives(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive, zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        for name, target in ("cat/1.png", None), ("cat/same.png", "cat/1.png"), ("dog/1.png", None), ("dog/loop", ".."), \
                ("dog/a.png", "b.png"), ("dog/b.png", "a.png"):
            entry, other, data = tarfile.TarInfo(name), zipfile.ZipInfo(name), content(len(name), "PNG")
            if target is None:
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
                packed.writestr(other, data)
                continue
            entry.type, entry.linkname = tarfile.LNKTYPE if "same" in name else tarfile.SYMTYPE, target
            other.create_system, other.external_attr = 3, 0o120777 << 16
            archive.addfile(entry)
            packed.writestr(other, target)
    for name in "a.tar", "a.zip":
        source = ImageFolder(tmp_path / name, size=8)
        assert source.paths == ["cat/1.png", "dog/1.png"] and sorted(source.left_out) == [
            "cat/same.png", "dog/a.png", "dog/b.png", "dog/loop"] and set(source.left_out.values()) == {"link"}


def changed(path, offset, value):
    """The same zip archive, with bytes of each entry's place in the directory changed."""
    data, at = bytearray(path.read_bytes()), -1
    while (at := data.find(b"PK\1\2", at + 1)) >= 0:
        data[at + offset:at + offset + len(value)] = value
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("offset, value, reason", [
    (8, b"\1\0", r"5 × with a password \(to be unpacked first\) \(cat/1.jpg …\)"),
    (10, b"\x09\0", "5 × compressed by Deflate64"),
    (10, b"\x63\0", "5 × compressed by AES"), (42, b"\7\0\0\0", "5 × an entry must begin with its header"),
], ids=str)
def test_archives_that_cannot_be_read_name_their_reason(tmp_path, offset, value, reason):
    path = changed(zipped(tmp_path / "a.zip", TREE), offset, value)
    for make in ImageFolder, ImageFiles, training_sources:
        with pytest.raises(ValueError, match=f"a.zip must hold images that can be read. Received: {reason}"):
            make(path)


def test_odd_names_in_archives(tmp_path):
    names = {"../up.png": 1, "a/../../up.png": 2, "cat/1.png": 3, "dog/1.png": 4, "dog//1.png": 5, ".": 6}
    names["dog/ü.png"] = 7
    path = zipped(tmp_path / "a.zip", names)
    source = ImageFolder(path, size=8)
    assert source.paths == ["cat/1.png", "dog/1.png", "dog/ü.png"]
    assert (source[1][0] == decode_image(content(5, "PNG"), 8)).all(), "the last of a name"
    assert source.left_out == {"../up.png": "named outside of the archive", "a/../../up.png": "named outside of the archive",
                               ".": "named outside of the archive", "dog//1.png before": "named twice"}
    assert "dog/ü.png" in ImageFolder(changed(path, 8, b"\0\0"), size=8).paths, "UTF-8 that does not say so"


def test_damaged_tars(photos, tmp_path):
    folder = photos()
    whole = Path(shutil.make_archive(tmp_path / "a", "tar", folder)).read_bytes()
    packed = Path(shutil.make_archive(tmp_path / "b", "gztar", folder)).read_bytes()
    third = whole.index(b"dog/old/2.jpg")
    cases = {"cut.tar": whole[:third + 600], "head.tar": whole[:third + 100] + b"??" + whole[third + 102:],
             "cut.tgz": packed[:-30], "crc.tgz": packed[:-6] + b"????" + packed[-2:],
             "byte.tgz": packed[:200] + bytes([packed[200] ^ 1]) + packed[201:], "t.gz": gzip.compress(b"no archive" * 99),
             "7z": b"7z\xbc\xaf\x27\x1c" + bytes(99), "empty": b"", "rar": b"Rar!\x1a\7\1", "jpeg": content(1)}
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=rf"{name}: must be .*intact.* archive.*Received: .*"):
            Listing(tmp_path / name)


def test_a_full_disk_is_named(photos, tmp_path, monkeypatch):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    path = shutil.make_archive(tmp_path / "a", "gztar", photos())
    monkeypatch.setattr("tempfile.TemporaryFile", Full)
    with pytest.raises(OSError, match="No space left on device, where a compressed archive is unpacked") as caught:
        open_files(path)
    assert caught.value.filename


# Copies


def pixels(source):
    out = np.empty((len(source), *source.shape), np.uint8)
    assert source.read(np.arange(len(source)), out).all()
    return out


@pytest.mark.parametrize("kind", ["folder", "zip", "gztar"])
@pytest.mark.parametrize("cache", [False, True])
def test_sources_can_be_pickled_and_copied(photos, tmp_path, kind, cache):
    path = photos() if kind == "folder" else shutil.make_archive(tmp_path / "a", kind, photos())
    source = ImageFolder(path, size=8, cache=cache)
    expected = pixels(source)
    for other in pickle.loads(pickle.dumps(source)), copy.deepcopy(source), copy.copy(source):
        assert other.paths == source.paths and other.class_names == source.class_names and (pixels(other) == expected).all()
        assert other._cached.sum() == (len(source) if cache else 0)
    assert len(pickle.dumps(ImageFolder(path, size=256, cache=True))) < 20_000, "decoded images stay at home"
    batches = ImageBatches(Subset(source, [0, 2]), 2, Augmentation(6, mean=3), seed=1)
    for other in pickle.loads(pickle.dumps(batches)), copy.deepcopy(batches):
        assert all((a == b).all() for x, y in zip(batches.epoch(1), other.epoch(1)) for a, b in zip(x, y))


def test_spawned_workers_read_an_archive(photos, tmp_path):
    source = ImageFolder(shutil.make_archive(tmp_path / "a", "zip", photos()), size=8)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert all((a == b[0]).all() for a, b in zip(pool.map(_first, [Subset(source, [i]) for i in range(5)]), source))


def _first(source):
    return source[0][0]


# Labels


@pytest.mark.parametrize("table", [
    "file,label\ncat/1.jpg,x\ncat/2.png,y\ndog/1.jpg,x\ndog/old/2.jpg,y\nfish/1.jpg,x\n",
    "\ufefflabel;image;size\nx;cat/1.jpg;3\ny;cat/2.png;3\nx;dog/1.jpg;3\ny;dog/old/2.jpg;3\nx;fish/1.jpg;3\n",
    "./cat/1.jpg\tx\n/data/photos/cat/2.png\ty\n\nC:\\photos\\dog\\1.jpg\tx\nold/2\ty\nfish/1\tx\n",
    "name|class\ncat/1.jpg|x\ncat/2.png|y\ndog/1.jpg|x\ndog/old/2.jpg|y\nfish/1.jpg|x\n",
    '"id","breed"\n"cat/1","x"\n"cat/2","y"\n"dog/1","x"\n"dog/old/2","y"\n"fish/1","x"',
    "cat/1.jpg\tx\t0\t32\t44\t62\ncat/2.png\ty\t1\t1\t1\t1\ndog/1.jpg\tx\t0\t0\t9\t9\nold/2.jpg\ty\t0\t0\t1\t1\nfish/1.jpg\tx\t0\t0\t0\t1\n",
    "cat/1.jpg x\ncat/2.png   y\ndog/1.jpg x\n\nold/2 y\nfish/1 x",
    "image,x,y\ncat/1,1,0\ncat/2,0,1\ndog/1,1,0\ndog/old/2,0,1\nfish/1,1,0\n",
    "photo x y none\ncat/1 1.0 0.0 0.0\ncat/2 0.0 1.0 0.0\ndog/1 1.0 0.0 0.0\ndog/old/2 0.0 1.0 0.0\nfish/1 1.0 0.0 0.0\n",
    "x;y;file\nTrue;False;cat/1\nFalse;True;cat/2\nTrue;False;dog/1\nFalse;True;old/2\nTrue;False;fish/1\n",
], ids=["named", "semicolons", "tabs and paths", "bars", "without endings", "Tiny ImageNet", "spaces", "one-hot",
        "one-hot of floats", "one-hot of booleans"])
def test_labels_from_a_table(photos, tmp_path, table):
    (tmp_path / "labels.csv").write_text(table, encoding="utf-8")
    source = ImageFiles(photos(), size=8, labels=tmp_path / "labels.csv")
    assert found(source) == {"cat/1.jpg": "x", "cat/2.png": "y", "dog/1.jpg": "x", "dog/old/2.jpg": "y", "fish/1.jpg": "x"}
    assert source.class_names == ["x", "y"] and source.labels.tolist() == [0, 0, 0, 1, 1]
    training, validation, notes, line = training_sources(tmp_path / "photos", size=8, labels=str(tmp_path / "labels.csv"))
    assert (len(training), len(validation), training.class_names) == (3, 2, ["x", "y"]) and "left out: nothing" in line


def test_one_hot_tables(photos, tmp_path):
    """Without names classes have numbers; a label beside 0 and 1 is a label; each row has one class."""
    folder, path = photos({"1.png": 1, "2.png": 2, "3.png": 3}), tmp_path / "l.txt"
    for text, expected in (("1.png,0,0,1\n2.png,1,0,0\n3.png,0,1,0", ["0", "1", "2"]),
                           ("image,label,night,day\n1,a,0,1\n2,b,1,0\n3,a,1,0", ["a", "b"]),
                           ("image,dark\n1,0\n2,1\n3,1", ["0", "1"])):
        path.write_text(text)
        assert ImageFiles(folder, size=8, labels=path).class_names == expected
    for rows in "1,0,0\n2,1,0\n3,0,1", "1,1,1\n2,1,0\n3,0,1":
        path.write_text(f"image,cat,dog\n{rows}")
        with pytest.raises(ValueError, match=r"l\.txt: each row must have a file and a class. Received: \['1', ''\]"):
            ImageFiles(folder, size=8, labels=path)


def test_folders_to_train_on_and_a_table_to_validate_on(photos, tmp_path):
    """As Tiny ImageNet has it: train/<class>/images/, and val/images/ with val_annotations.txt."""
    names = {f"train/{c}/images/{c}_{i}.png": i for c in ("n01", "n02") for i in range(3)}
    root = photos({**names, **{f"val/images/val_{i}.png": i for i in range(4)}})
    table = root / "val/val_annotations.txt"
    table.write_text("".join(f"val_{i}.png\tn0{1 + i % 2}\t0\t32\t44\t62\n" for i in range(4)))
    training, validation, _, line = training_sources(root / "train", root / "val", size=8, val_labels=table)
    assert training.class_names == ["n01", "n02"] and training.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert found(validation) == {f"images/val_{i}.png": f"n0{1 + i % 2}" for i in range(4)}
    assert "6 images to train on and 4 to validate on (given as val)" in line
    source = ImageFiles(root, folder="val", size=8, labels=table, class_names=training.class_names)
    assert source.labels.tolist() == [0, 0, 1, 1]
    with pytest.raises(ValueError, match="val_labels must be given with val. Received: 'x.csv' alone"):
        training_sources(root / "train", size=8, val_labels="x.csv")


def test_one_table_for_two_folders(photos):
    a, b = photos(), photos({"x/7.png": 7, "8.png": 8}, "more")
    labels = {**{name: str(i % 2) for name, i in TREE.items()}, "7": "0", "8": "1", "9": "1"}
    training, validation, _, line = training_sources(a, b, size=8, labels=labels)
    assert found(validation) == {"8.png": "1", "x/7.png": "0"} and len(training) == 5
    assert line.startswith(f"{a} and {b}: 7 files, 5 images to train on and 2 to validate on (given as val); 2 classes: ")
    assert line.endswith("left out: labels: 1 × label without an image (9*)")


def test_labels_that_do_not_fit(photos, tmp_path):
    folder = photos()
    given = {"cat/1.jpg": "10", "dog/old/2": "9", "gone.jpg": "9", "away": "8"}
    source = ImageFiles(folder, size=8, labels=given)
    assert found(source) == {"dog/old/2.jpg": "9", "cat/1.jpg": "10"}
    assert source.class_names == ["9", "10"], "numbers in order"
    line = training_sources(folder, size=8, labels={**given, "dog/1.jpg": "9", "cat/2.png": "10"}).line
    assert "left out: 1 × without a label (fish/1.jpg); labels: 2 × label without an image (away* …)" in line
    assert found(ImageFiles(folder, size=8, labels=given, class_names=["10"])) == {"cat/1.jpg": "10"}
    for labels, message in [({"1.jpg": "x"}, "a label must fit one image. Received: '1.jpg' for cat/1.jpg and dog/1.jpg"),
                            ({"x.jpg": "x"}, "labels must name images such as 'cat/1.jpg'. Received: 'x.jpg'"),
                            ({"cat/1.jpg": "x", "cat/1": "y"}, "one class. Received: cat/1.jpg: x and y"), ({}, "'none'")]:
        with pytest.raises(ValueError, match=re.escape(message)):
            ImageFiles(folder, labels=labels)
    for text, message in ("a.jpg\nb.jpg\n", "a column of files and one of classes"), \
            ("a.jpg,x\nb.jpg\n", "a file and a class"), ("", "a column of files"), \
            ("a.jpg,x\na.jpg,y\n", "one class. Received: a.jpg: x and y"):
        (tmp_path / "l.csv").write_text(text)
        with pytest.raises(ValueError, match=rf"l\.csv: .*{message}"):
            ImageFiles(folder, labels=tmp_path / "l.csv")
    with pytest.raises(ValueError, match="class_names must be given with labels"):
        ImageFiles(folder, class_names=["x"])


# Hostile files: clean errors, soon, in little memory


def png(width, height):
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", b""), (b"IEND", b"")]
    body = (struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def gif(width, height):
    size = struct.pack("<HH", width, height)
    return b"GIF89a" + size + b"\0\0\0,\0\0\0\0" + size + b"\0\2\0;"


@pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("data, reason", [
    (png(89_000_000, 1), "89000000 × 1 pixels, more than 65,535 on a side"),
    (png(1, 89_000_000), "1 × 89000000 pixels, more than 65,535 on a side"),
    (png(65_000, 65_000), "more than 89,478,485"), (b"P6 89000000 1 255\n", "more than 65,535 on a side"),
    (gif(65_000, 65_000), "more than 89,478,485"),
], ids=["wide", "high", "large", "ppm", "gif"])
def test_images_of_absurd_sizes(data, reason):
    tracemalloc.start()
    started = time.process_time()
    try:
        with pytest.raises(ImageError, match=reason):
            decode_image(data, 256)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000 and time.process_time() - started < 1


def test_an_archive_of_one_absolute_name(tmp_path):
    path = zipped(tmp_path / "a.zip", {"/x.png": 1})
    source = ImageFiles(path, size=8)
    assert source.paths == ["x.png"] and (source[0][0] == decode_image(content(1, "PNG"), 8)).all()


# The line


def counted(line):
    """(files, training, validation, {reason: files left out}, {reason: folders}) of a line."""
    files, training, validation = (int(n.replace(",", "")) for n in re.search(
        r": ([\d,]+) files, ([\d,]+) images to train on and ([\d,]+) to validate on", line).groups())
    left, _, folders = line.partition("left out: ")[2].partition("folders: ")
    return files, training, validation, *(
        {why: int(n.replace(",", "")) for n, why in re.findall(r"([\d,]+) × ([\w ]+\w)", text)} for text in (left, folders))


def test_the_line_accounts_for_every_file(tmp_path):
    expected = odd_photographs.write(tmp_path / "photos")
    everything = sum(len(files) for _, _, files in os.walk(tmp_path / "photos")) + expected.folders.get("unreadable", 0) * 0
    found = training_sources(tmp_path / "photos", size=12)
    files, training, validation, left, folders = counted(found.line)
    assert "\n" not in found.line and files == everything == expected.files
    assert (training, validation) == (expected.training, expected.validation)
    assert files == training + validation + sum(left.values())
    for reason, n in expected.left_out.items():
        assert sum(m for why, m in left.items() if why.startswith(reason)) == n, reason
    assert folders == expected.folders
    assert all(f"{name} (" in found.line for name in odd_photographs.CLASSES) and "(the folder val)" in found.line
    out = np.empty((1, *found.training.shape), np.uint8)
    for source in found.training, found.validation:
        assert all(source.read([i], out)[0] for i in range(len(source)) if i not in source.broken)


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar"])
def test_the_line_of_an_archive(tmp_path, kind):
    """The same tree, packed: links are entries of their own kind, and there are no folders to enter twice."""
    expected = odd_photographs.write(tmp_path / "photos")
    for path in (tmp_path / "photos").rglob("*"):
        if path.is_symlink() or not path.is_dir() and not path.is_file():
            path.unlink()
    whole = shutil.make_archive(tmp_path / "a", kind, tmp_path / "photos")
    files, training, validation, left, folders = counted(training_sources(whole, size=12).line)
    assert (training, validation) == (expected.training, expected.validation)
    assert files == training + validation + sum(left.values()) == sum(p.is_file() for p in (tmp_path / "photos").rglob("*"))


def test_threads_look_at_one_listing(photos, tmp_path):
    """A part of a listing is not looked for again."""
    path = zipped(tmp_path / "a.zip", {f"{part}/{name}": seed for part in ("train", "val") for name, seed in TREE.items()})
    heads, head = [], Zip.head
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Zip, "head", lambda self, name, size: heads.append(name) or head(self, name, size))
        training_sources(path, size=8)
    assert sorted(heads) == sorted(set(heads)) and len(heads) == 10
