"""Decoding of photographs, and folders and archives of them. Each test writes the files it reads, with Pillow."""

import io
import os
import struct
import threading
import zipfile
import zlib

import numpy as np
import pytest

import fastcnn
from fastcnn.datasets import ImageArray, ImageFolder
from fastcnn.images import ImageError, decode_image, statistics

Image = pytest.importorskip("PIL.Image")


def picture(h, w, seed=0):
    """Smooth colours, so that JPEG keeps them."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:h, :w] / max(h, w)
    planes = [127 + 100 * np.sin(rng.uniform(2, 6) * x + rng.uniform(2, 6) * y + rng.uniform(0, 6)) for _ in range(3)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def encoded(image, form="PNG", **options):
    """The bytes of a file."""
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def close(actual, expected, most):
    assert actual.dtype == np.uint8 and actual.shape == np.shape(expected)
    assert np.abs(actual.astype(int) - np.asarray(expected, int)).max() <= most


# Decoding


def test_what_is_of_the_right_size_is_cut_out_exactly():
    x = picture(40, 61)
    assert np.array_equal(decode_image(encoded(x), 40), x[:, 10:50])
    assert np.array_equal(decode_image(encoded(x.transpose(1, 0, 2)), 40), x.transpose(1, 0, 2)[10:50])
    assert np.array_equal(decode_image(encoded(x[:, :40]), 40), x[:, :40])


@pytest.mark.parametrize("shape", [(300, 200), (200, 300), (64, 65), (30, 20), (1, 1), (3, 500)], ids=str)
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_sizes(shape, form):
    """Enlarged or reduced: every colour is near the one at its place in the middle square."""
    h, w = shape
    x = picture(h, w)
    data = encoded(x, form, **({"quality": 95, "subsampling": 0} if form == "JPEG" else {}))
    y = decode_image(data, 48)
    assert y.shape == (48, 48, 3)
    side = min(h, w)
    place = ((np.arange(48) + 0.5) * side / 48).astype(int)
    near = x[(h - side) // 2 + place][:, (w - side) // 2 + place]
    close(y, near, 40 if side < 48 or side * 20 < max(h, w) else 12)


def test_a_large_jpeg_is_shrunk_while_decoding_and_alike():
    x = picture(1100, 1400)
    fast, slow = decode_image(encoded(x, "JPEG", quality=95), 64), decode_image(encoded(x), 64)
    close(fast, slow, 6)


def test_grey_palette_cmyk_and_deep_colours():
    x = picture(20, 20)
    grey = x[..., 0]
    close(decode_image(encoded(grey), 20), np.repeat(grey[..., None], 3, axis=-1), 0)
    close(decode_image(encoded(grey), 20, channels=1), grey[..., None], 0)
    deep = Image.fromarray((grey.astype(np.uint16) * 257 + 100).clip(0, 65535).astype(np.uint16))
    close(decode_image(encoded(deep), 20), np.repeat(grey[..., None], 3, axis=-1), 1)
    black_white = Image.fromarray(grey).convert("1")
    close(decode_image(encoded(black_white), 20)[..., 1], np.asarray(black_white) * 255, 0)
    palette = Image.fromarray(x).quantize(64)
    close(decode_image(encoded(palette), 20), np.asarray(palette.convert("RGB")), 0)
    cmyk = Image.fromarray(x).convert("CMYK")
    close(decode_image(encoded(cmyk, "JPEG", quality=98, subsampling=0), 20), x, 20)
    close(decode_image(encoded(cmyk, "TIFF"), 20), np.asarray(cmyk.convert("RGB")), 0)
    expected = 0.299 * x[..., :1] + 0.587 * x[..., 1:2] + 0.114 * x[..., 2:]
    close(decode_image(encoded(x), 20, channels=1), expected.round(), 1)
    for form in ("BMP", "TIFF", "PPM", "GIF"):
        close(decode_image(encoded(x, form), 20), x, 60 if form == "GIF" else 0)


@pytest.mark.parametrize("ground, value", [("white", 255), ("black", 0)])
def test_transparent_parts_show_the_ground(ground, value):
    x = picture(12, 12)
    alpha = np.full((12, 12, 1), 255, np.uint8)
    alpha[:6] = 0
    alpha[6] = 128
    data = encoded(np.concatenate([x, alpha], axis=-1))
    y = decode_image(data, 12, ground=ground)
    assert (y[:6] == value).all() and np.array_equal(y[7:], x[7:])
    close(y[6], (x[6].astype(int) * 128 + value * 127) // 255, 1)
    grey = decode_image(encoded(Image.fromarray(np.concatenate([x[..., :1], alpha], axis=-1), "LA")), 12, ground=ground)
    assert (grey[:6] == value).all() and np.array_equal(grey[7:, :, 0], x[7:, :, 0])
    palette = Image.fromarray(x).quantize(16)
    indices = np.asarray(palette)
    y = decode_image(encoded(palette, transparency=int(indices[0, 0])), 12, ground=ground)
    assert (y[indices == indices[0, 0]] == value).all()
    assert np.array_equal(y[indices != indices[0, 0]], np.asarray(palette.convert("RGB"))[indices != indices[0, 0]])


def png(x, depth, kind, transparent=None):
    """A PNG of packed samples; kind 0: grey, 2: RGB, 4: grey and alpha, 6: RGB and alpha."""
    rows = b"".join(b"\0" + row for row in x)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", WIDTH, len(x), depth, kind, 0, 0, 0)),
              *([(b"tRNS", transparent)] if transparent else []), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


WIDTH = 4
DEEP = np.array([[0, 257, 1000, 65535], [1000, 1001, 40000, 999]], ">u2")


@pytest.mark.parametrize("ground, value", [("white", 255), ("black", 0)])
def test_transparency_of_deep_and_shallow_pngs(ground, value):
    """A transparent colour is written in samples of the file's depth."""
    grey = decode_image(png([row.tobytes() for row in DEEP], 16, 0, struct.pack(">H", 1000)), (2, 4), 1, ground)
    expected = np.where(DEEP == 1000, value, DEEP // 257)
    assert (grey[..., 0] == expected).all()
    rgb = np.stack([DEEP, DEEP[::-1], DEEP[:, ::-1]], axis=-1).astype(">u2")
    clear = rgb[0, 2]
    y = decode_image(png([row.tobytes() for row in rgb], 16, 2, clear.tobytes()), (2, 4), 3, ground)
    assert (y[0, 2] == value).all() and (y[1, 2] == rgb[1, 2] >> 8).all() and (y[0, 0] == rgb[0, 0] >> 8).all()
    for kind, channels in (4, 1), (6, 3):
        x = np.concatenate([rgb[..., :channels], np.where(DEEP == 1000, 0, 65535)[..., None]], axis=-1).astype(">u2")
        y = decode_image(png([row.tobytes() for row in x], 16, kind), (2, 4), channels, ground)
        assert (y[DEEP == 1000] == value).all() and (y[DEEP == 40000] == x[1, 2, :channels] >> 8).all()
    for depth, row in (1, 0b01010000), (2, 0b00011011):
        samples = [row >> 8 - depth - depth * i & 2**depth - 1 for i in range(4)]
        y = decode_image(png([bytes([row])], depth, 0, struct.pack(">H", 1)), (1, 4), 1, ground)
        assert y[0, :, 0].tolist() == [value if s == 1 else s * 255 // (2**depth - 1) for s in samples]


def tiff(bits, photometric, data, sample=1):
    """A TIFF of one row of grey; sample 1: unsigned, 2: signed, 3: floats."""
    tags = [(256, WIDTH), (257, 1), (258, bits), (259, 1), (262, photometric), (273, 8), (277, 1), (278, 1),
            (279, len(data)), (339, sample)]
    data += bytes(len(data) % 2)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + b"".join(
        struct.pack("<HHII", tag, 3, 1, value) for tag, value in tags) + bytes(4)


def test_depths_of_tiffs():
    """8, 12 and 16 bits become 8, dark or light ground; of 32 bits nobody knows the range."""
    values = [0, 1000, 32768, 65535]
    for photometric, turned in (1, False), (0, True):
        y = decode_image(tiff(16, photometric, struct.pack("<4H", *values)), (1, 4), 1)[0, :, 0]
        assert y.tolist() == [(65535 - v if turned else v) * 255 // 65535 for v in values]
        y = decode_image(tiff(8, photometric, bytes([0, 1, 128, 255])), (1, 4), 1)[0, :, 0]
        assert y.tolist() == [255 - v if turned else v for v in (0, 1, 128, 255)]
    y = decode_image(tiff(12, 1, bytes([0x00, 0x08, 0x00, 0xff, 0xf0, 0x10])), (1, 4), 1)[0, :, 0]
    assert y.tolist() == [0, 2048 * 255 // 4095, 255, 16 * 255 // 4095]
    for bits, code, sample in (32, "I", 1), (32, "i", 2), (16, "h", 2), (32, "f", 3):
        with pytest.raises(ImageError, match="whose range is unknown"):
            decode_image(tiff(bits, 1, struct.pack(f"<4{code}", 0, 1, 200, 255), sample), (1, 4), 1)


def test_a_whole_image_is_stretched():
    x = picture(20, 30)
    assert np.array_equal(decode_image(encoded(x), (20, 30)), x)
    assert decode_image(encoded(x), (7, 9), channels=1).shape == (7, 9, 1)
    y = decode_image(encoded(x.repeat(2, axis=0)), [20, 30])
    close(y[2:-2], x[2:-2], 12)
    for bad in (0, 5), (5,), (5, 2**16), 2**16, "5", 1.5:
        with pytest.raises((TypeError, ValueError), match="size must be"):
            decode_image(encoded(x), bad)


def test_jpegs_of_108_megapixels(tmp_path, run_python):
    """They are shrunk while they are decoded: never more than a part of their 324 MB is in memory."""
    pytest.importorskip("resource", reason="no limits of memory here")
    code = (
        "import sys, resource, numpy as np\nfrom fastcnn.images import decode_image\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\nx = decode_image(sys.argv[1], 256)\n"
        "print(x[0, 0], x[-1, -1], x.shape, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 60_000)")
    image = Image.new("RGB", (12000, 9000), (10, 200, 30))
    for name, options in {"baseline": {}, "progressive": {"progressive": True}}.items():
        image.save(tmp_path / name, "JPEG", **options)
        run = run_python("-c", code, tmp_path / name)
        assert run.stdout.startswith("[ 10 200  30] [ 10 200  30] (256, 256, 3)") and not run.stderr, run.stderr
        assert run.stdout.endswith("True\n") or name == "progressive", "those keep all coefficients"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_exif_orientation():
    """What EXIF says of each of its eight values: how the rows and columns in the file become those to look at."""
    x = picture(32, 32)
    upright = [x, x[:, ::-1], x[::-1, ::-1], x[::-1], x.transpose(1, 0, 2), np.rot90(x, -1),
               np.rot90(x, 2).transpose(1, 0, 2), np.rot90(x)]
    for orientation, expected in enumerate(upright, 1):
        exif = Image.Exif()
        exif[0x0112] = orientation
        for form, options in (("JPEG", {"quality": 98, "subsampling": 0}), ("PNG", {}), ("TIFF", {})):
            close(decode_image(encoded(x, form, exif=exif, **options), 32), expected, 8 if form == "JPEG" else 0)
    broken = encoded(x, "JPEG", quality=98, exif=b"Exif\0\0II*\0\xff\xff\xff\xff nothing")
    assert decode_image(broken, 32).shape == (32, 32, 3)


def bomb(w, h):
    """A PNG that promises w × h pixels and holds none."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_broken_files_are_refused_by_name(tmp_path):
    data = encoded(picture(64, 64), "JPEG")
    floats = encoded(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF")
    cases = {"truncated": data[: len(data) // 2], "empty": b"", "text": b"hello" * 99, "half a header": data[:20],
             "bomb": bomb(60_000, 60_000), "large": bomb(10_000, 9_000), "png": encoded(picture(9, 9))[:-40],
             "floats": floats, "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"}
    for name, bad in cases.items():
        with pytest.raises(ImageError, match=f"{name}: .*Received: "):
            decode_image(bad, 32, name=name)
        (tmp_path / "x.jpg").write_bytes(bad)
        with pytest.raises(ImageError, match=r"x\.jpg: .*Received: "):
            decode_image(tmp_path / "x.jpg", 32)
    with pytest.raises(FileNotFoundError):
        decode_image(tmp_path / "missing.jpg", 32)
    with pytest.raises(TypeError, match="Received: list"):
        decode_image([1], 32)
    with pytest.raises(ValueError, match="Received: 2"):
        decode_image(data, 32, channels=2)


def test_pillow_is_missed_with_advice(run_python, tmp_path):
    os.mkdir(tmp_path / "a")
    code = (
        "import sys; sys.modules['PIL'] = None\n"
        "from fastcnn.images import decode_image; from fastcnn.datasets import ImageFolder\n"
        f"for call in (lambda: decode_image(b'', 3), lambda: ImageFolder({str(tmp_path)!r})):\n"
        "    try: call()\n"
        "    except ImportError as error: print(error)\n"
    )
    lines = run_python("-c", code).stdout.splitlines()
    assert len(lines) == 2 and all("pip install pillow" in line for line in lines)


# Folders and archives

FILES = [f"{part}/{name}/{i}.{suffix}" for part, n in (("train", 3), ("val", 2)) for name in ("tulip", "daisy", "rose")
         for i in range(n) for suffix in ("jpg", "PNG")]


@pytest.fixture
def folder(tmp_path):
    """train and val, three classes, thirty images of various sizes; and what is to be ignored."""
    root = tmp_path / "photos"
    for seed, name in enumerate(FILES):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = picture(30 + seed, 70 - seed, seed)
        path.write_bytes(encoded(image, "JPEG" if name.endswith("jpg") else "PNG"))
    for name in ("train/daisy/.hidden.jpg", "train/daisy/notes.txt", "train/.git/x/a.jpg", "readme.md", "train/list.csv",
                 "train/daisy/deeper/x.txt", "__MACOSX/train/daisy/x.jpg"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"nothing")
    return root


def zipped(folder, name="photos.zip", **options):
    path = folder.parent / name
    with zipfile.ZipFile(path, "w", **options) as archive:
        for file in sorted(folder.rglob("*"), reverse=True):
            archive.write(file, file.relative_to(folder).as_posix())
    return path


def test_a_folder(folder):
    source = ImageFolder(folder, "train", size=24)
    assert source.class_names == ["daisy", "rose", "tulip"] and len(source) == 18 and source.shape == (24, 24, 3)
    assert source.labels.dtype == np.int32 and source.labels.tolist() == [0] * 6 + [1] * 6 + [2] * 6
    assert source.paths[:3] == ["daisy/0.PNG", "daisy/0.jpg", "daisy/1.PNG"]
    image, label = source[-1]
    assert label == 2 and np.array_equal(image, decode_image(folder / "train/tulip/2.jpg", 24))
    out = np.zeros((5, 24, 24, 3), np.uint8)
    assert source.read([3, 17], out).tolist() == [True, True] and not out[2:].any()
    assert np.array_equal(out[0], source[3][0]) and np.array_equal(out[1], image)
    with pytest.raises(IndexError, match="0 to 17. Received: 18"):
        source[18]
    assert ImageFolder(folder, "val", 9, channels=1)[0][0].shape == (9, 9, 1)
    assert len([1 for image, label in source]) == 18


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_an_archive_gives_the_same_bits(folder, compression):
    a = ImageFolder(folder, "train", 32)
    b = ImageFolder(zipped(folder, compression=compression), "train", 32)
    assert a.class_names == b.class_names and a.paths == b.paths and np.array_equal(a.labels, b.labels)
    assert all(np.array_equal(a[i][0], b[i][0]) for i in range(len(a)))


@pytest.mark.parametrize("cache", [False, True])
def test_threads_read_an_archive_at_once(folder, cache):
    source, alone = ImageFolder(zipped(folder), "train", 32, cache=cache), ImageFolder(folder, "train", 32)
    expected, wrong = np.stack([alone[i][0] for i in range(18)]), []

    def work(seed):
        for _ in range(4):
            order = np.random.default_rng(seed).permutation(18)
            out = np.empty((18, 32, 32, 3), np.uint8)
            if not source.read(order, out).all() or not np.array_equal(out, expected[order]):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_folder_is_to_be_chosen(folder):
    for path in (folder, zipped(folder)):
        with pytest.raises(ValueError, match="folder must say where in .*photos.* lie: 'train', 'val'. Received: None"):
            ImageFolder(path)
        with pytest.raises(ValueError, match="which holds .*'train', 'val'. Received: 'test'"):
            ImageFolder(path, "test")
        assert len(ImageFolder(path, "val/", 8)) == 12
    with pytest.raises(ValueError, match="Received: 4 images outside of class folders"):
        ImageFolder(folder / "val/rose")
    os.mkdir(folder / "nothing")
    with pytest.raises(ValueError, match="Received: no files"):
        ImageFolder(folder / "nothing")
    with pytest.raises(FileNotFoundError):
        ImageFolder(folder / "missing.zip")
    with pytest.raises(ValueError, match=r"readme.md: must be a folder, or an intact zip or tar archive. Received: a file"):
        ImageFolder(folder / "readme.md")


def test_classes_can_be_given(folder):
    os.mkdir(folder / "val" / "aster")
    with pytest.raises(ValueError, match="the wanted classes be named.*Received: none in aster: no files"):
        ImageFolder(folder, "val")
    source = ImageFolder(folder, "val", 8, class_names=["rose", "aster", "daisy"])
    assert source.class_names == ["rose", "aster", "daisy"] and source.labels.tolist() == [0] * 4 + [2] * 4
    with pytest.raises(ValueError, match=r"'aster', 'daisy', 'rose', 'tulip'\]. Received: \['rsoe'\]"):
        ImageFolder(folder, "val", class_names=["rsoe"])
    with pytest.raises(ValueError, match=r"must hold images of aster.*Received: none"):
        ImageFolder(folder, "val", class_names=["aster"])
    for wanted in None, ["rose", "lily", "daisy"]:
        source = ImageFolder(folder, "val", 8, class_names=wanted, allow_empty=True)
        assert source.class_names == (wanted or ["daisy", "rose", "tulip"]) and len(source) == (8 if wanted else 12)
        assert source.left_out["aster/"] == "without images"


def test_broken_images(folder):
    (folder / "train/daisy/1.jpg").write_bytes(b"no image")
    (folder / "train/rose/0.PNG").unlink()
    (folder / "train/rose/0.PNG").symlink_to(folder / "nowhere")
    with pytest.raises(FileNotFoundError):
        (folder / "train/rose/0.PNG").read_bytes()
    source = ImageFolder(folder, "train", 16)
    assert len(source) == 17, "a link to nothing is no file"
    out = np.empty((17, 16, 16, 3), np.uint8)
    for _ in range(2):
        assert source.read(np.arange(17), out).tolist() == [i != 3 for i in range(17)]
    assert list(source.broken) == [3] and "train/daisy/1.jpg" in source.broken[3]
    with pytest.raises(ImageError, match="daisy/1.jpg"):
        source[3]
    with pytest.raises(ImageError, match="daisy/1.jpg.*Received"):
        ImageFolder(folder, "train", 16, errors="raise").read([3], out)
    os.remove(folder / "train/tulip/0.jpg")
    assert not source.read([source.paths.index("tulip/0.jpg")], out)[0], "a file that has gone"
    with pytest.raises(ValueError, match="'skip', 'raise'. Received: 'ignore'"):
        ImageFolder(folder, "train", errors="ignore")


def test_damaged_and_absurd_archives(folder, tmp_path):
    path = zipped(folder, compression=zipfile.ZIP_DEFLATED)
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("train/daisy/0.jpg")
        central = data.index(b"PK\1\2")
    at = data.index(b"train/daisy/0.jpg", central) - 46
    changes = {"checksum": (16, b"1234"), "size": (24, struct.pack("<I", 2**31)), "method": (10, b"\x0e\0"),
               "encrypted": (8, b"\1\0"), "offset": (42, struct.pack("<I", 3)), "length": (24, struct.pack("<I", 77))}
    for name, (offset, value) in changes.items():
        changed = tmp_path / f"{name}.zip"
        changed.write_bytes(data[: at + offset] + value + data[at + offset + len(value) :])
        source = ImageFolder(changed, "train", 16)
        assert source.read([1], np.empty((1, 16, 16, 3), np.uint8)).tolist() == [False], name
        assert "train/daisy/0.jpg" in source.broken[1] and "Received: " in source.broken[1], name
        assert source[0][0].shape == (16, 16, 3)
    assert entry.file_size > 77
    (tmp_path / "cut.zip").write_bytes(data[:-30])
    with pytest.raises(ValueError, match="intact zip"):
        ImageFolder(tmp_path / "cut.zip")


def test_statistics_are_numpys(folder):
    (folder / "train/daisy/1.jpg").write_bytes(b"no image")
    source = ImageFolder(folder, "train", 16)
    x = np.stack([source[i][0] for i in range(18) if i != 3]).astype(float)
    for workers in (1, 3):
        s = statistics(source, workers=workers)
        assert s.images == 17
        np.testing.assert_allclose(s.mean, x.mean((0, 1, 2)), rtol=1e-12)
        np.testing.assert_allclose(s.std, x.std((0, 1, 2)), rtol=1e-9)
        np.testing.assert_allclose(s.mean_image, x.mean(0), rtol=1e-6)
        covariance = np.cov(x.reshape(-1, 3).T, bias=True)
        rebuilt = s.eigenvectors @ np.diag(s.eigenvalues * 255) @ s.eigenvectors.T
        np.testing.assert_allclose(rebuilt, covariance, rtol=1e-6)
        assert (np.diff(s.eigenvalues) <= 0).all() and (s.eigenvectors.sum(0) >= 0).all()
    again = statistics(x.astype(np.uint8))
    assert np.array_equal(again.mean, s.mean) and np.array_equal(again.eigenvalues, s.eigenvalues)
    (folder / "train/daisy/1.jpg").write_bytes((folder / "train/daisy/2.jpg").read_bytes())
    for name in source.paths:
        (folder / "train" / name).write_bytes((folder / "train" / name).read_bytes()[:60])
    with pytest.raises(ValueError, match="18 images, none of them readable"):
        statistics(ImageFolder(folder, "train", 16))


def test_images_in_memory_have_the_same_interface():
    x = np.random.default_rng(0).integers(0, 256, (6, 5, 4, 3), np.uint8)
    source = ImageArray(x, np.array([[0], [1], [2], [0], [1], [2]]), "abc")
    out = np.empty((2, 5, 4, 3), np.uint8)
    assert source.read(np.array([4, 0]), out).all() and np.array_equal(out, x[[4, 0]])
    assert len(source) == 6 and source.class_names == ["a", "b", "c"] and source.labels.dtype == np.int32
    assert np.array_equal(source[2][0], x[2]) and source[2][1] == 2
    assert ImageArray(x[..., 0]).shape == (5, 4, 1) and ImageArray(x)[0][1] is None
    for bad, error in ((x.astype(float), TypeError), (x[0, 0], TypeError), ([1], TypeError)):
        with pytest.raises(error, match="Received: "):
            ImageArray(bad)
    for y in ([0] * 5, [0.0] * 6, [0, 0, 0, 0, 0, -1]):
        with pytest.raises(ValueError, match="Received: "):
            ImageArray(x, y)
    with pytest.raises(ValueError, match="0 to 1. Received: 0 … 2"):
        ImageArray(x, [0, 1, 2, 0, 0, 0], ["a", "b"])
    assert fastcnn.datasets.ImageArray is ImageArray
