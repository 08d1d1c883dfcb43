"""Downloads: from mirrors that work, break, lie or are not there, all of them on this machine."""

import doctest
import hashlib
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from fastcnn.datasets import download
from fastcnn.datasets.download import DownloadError, RemoteFile, data_folder, fetch

CONTENT = np.random.default_rng(0).bytes(700_001)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Mirror(BaseHTTPRequestHandler):
    """What a request's path says: /good, /deaf (knows no ranges), /breaks (after a part), /vague (tells no length) …"""

    asked = []  # (path, the range asked for)

    def do_GET(self):
        kind, wanted = self.path.strip("/"), self.headers.get("Range")
        self.asked.append((kind, wanted))
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and kind != "deaf" else 0
        bodies = {"page": b"<html>please log in</html>", "altered": CONTENT[:-1] + b"?", "endless": CONTENT * 2}
        body = bodies.get(kind, CONTENT)
        if kind == "missing":
            return self.send_error(404)
        if start >= len(body):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if kind not in ("vague", "endless"):
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start:start + 300_000] if kind == "breaks" else body[start:])

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def remote(server, monkeypatch):
    """A remote file at mirrors of these kinds; afterwards `Mirror.asked` says what they were asked."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Mirror.asked.clear()
    return lambda *kinds: RemoteFile("data.bin", len(CONTENT), DIGEST, tuple(server + kind for kind in kinds))


def test_a_file_is_downloaded_once(remote, tmp_path):
    folder = tmp_path / "new" / "folder"
    path = fetch(remote("good"), folder)
    assert Path(path).read_bytes() == CONTENT and os.listdir(folder) == ["data.bin"]
    assert fetch(remote("missing"), folder) == path and Mirror.asked == [("good", None)]


def test_file_addresses(tmp_path):
    (tmp_path / "mirror").write_bytes(CONTENT)
    file = RemoteFile("data.bin", len(CONTENT), DIGEST, ((tmp_path / "none").as_uri(), (tmp_path / "mirror").as_uri()))
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:5])
    assert Path(fetch(file, tmp_path)).read_bytes() == CONTENT


@pytest.mark.parametrize("bad", ["missing", "page", "altered", "endless"])
def test_the_next_mirror_is_asked(remote, tmp_path, bad):
    assert Path(fetch(remote(bad, "good"), tmp_path)).read_bytes() == CONTENT
    assert Mirror.asked == [(bad, None), ("good", None)]


def test_no_server_at_all(remote, tmp_path):
    nobody = RemoteFile("data.bin", len(CONTENT), DIGEST, ("http://127.0.0.1:9/data.bin", *remote("good").urls))
    assert Path(fetch(nobody, tmp_path)).read_bytes() == CONTENT


def test_a_length_need_not_be_told(remote, tmp_path):
    assert Path(fetch(remote("vague"), tmp_path)).read_bytes() == CONTENT


def test_a_broken_connection_is_taken_up_again(remote, tmp_path):
    assert Path(fetch(remote("breaks"), tmp_path)).read_bytes() == CONTENT
    assert Mirror.asked == [("breaks", None), ("breaks", "bytes=300000-"), ("breaks", "bytes=600000-")]


@pytest.mark.parametrize("kind, ranges", [("good", ["bytes=1000-"]), ("deaf", ["bytes=1000-"])])
def test_an_interrupted_download_goes_on(remote, tmp_path, kind, ranges):
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:1000])
    assert Path(fetch(remote(kind), tmp_path)).read_bytes() == CONTENT
    assert [wanted for _, wanted in Mirror.asked] == ranges and os.listdir(tmp_path) == ["data.bin"]


@pytest.mark.parametrize("left", [b"something else", bytes(len(CONTENT)), bytes(len(CONTENT) + 1), CONTENT])
def test_whatever_lies_about(remote, tmp_path, left):
    (tmp_path / "data.bin.part").write_bytes(left)
    assert Path(fetch(remote("good"), tmp_path)).read_bytes() == CONTENT
    assert len(Mirror.asked) == (0 if left == CONTENT else 2 if len(left) < 100 else 1)


def test_ctrl_c_keeps_what_came(remote, tmp_path, monkeypatch):
    def interrupt(line):
        if line.startswith("data.bin: 1 of 1 MB"):
            raise KeyboardInterrupt

    monkeypatch.setattr(download, "_tell", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch(remote("good"), tmp_path)
    kept = (tmp_path / "data.bin.part").read_bytes()
    assert 0 < len(kept) < len(CONTENT) and kept == CONTENT[:len(kept)] and not (tmp_path / "data.bin").exists()
    monkeypatch.undo()
    assert Path(fetch(remote("good"), tmp_path)).read_bytes() == CONTENT
    assert Mirror.asked[-1] == ("good", f"bytes={len(kept)}-")


def test_when_nothing_helps(remote, tmp_path):
    file = remote("missing", "page", "altered")
    with pytest.raises(DownloadError) as refusal:
        fetch(file, tmp_path)
    text = str(refusal.value)
    for line in (f"{file.urls[0]}: Not Found", f"{file.urls[1]}: must have 700,001 bytes. Received: 26",
                 f"{file.urls[2]}: must have the SHA-256 {DIGEST}. Received: ", f"to {tmp_path / 'data.bin'} (700,001 bytes",
                 "by hand", "FASTCNN_DATA"):
        assert line in text
    assert not (tmp_path / "data.bin").exists()


@pytest.mark.parametrize("content, reason", [(CONTENT[:-1], "must have 700,001 bytes. Received: 700,000"),
                                             (CONTENT[:-1] + b"?", f"must have the SHA-256 {DIGEST}. Received: ")])
def test_a_wrong_file_is_refused_and_kept(remote, tmp_path, content, reason):
    (tmp_path / "data.bin").write_bytes(content)
    with pytest.raises(ValueError, match=f"data.bin: {reason}.*Delete it"):
        fetch(remote("good"), tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == content and not Mirror.asked


def test_many_at_once(remote, tmp_path):
    pytest.importorskip("fcntl", reason="files cannot be locked here")
    paths, file = [], remote("good")
    threads = [threading.Thread(target=lambda: paths.append(fetch(file, tmp_path))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(paths) == 5 and Mirror.asked == [("good", None)]
    assert os.listdir(tmp_path) == ["data.bin"] and (tmp_path / "data.bin").read_bytes() == CONTENT


def test_a_folder_that_cannot_be(remote, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="data.bin needs a folder that can be written; FASTCNN_DATA names another"):
        fetch(remote("good"), tmp_path / "file" / "folder")


def test_the_terminal_sees_how_far_it_is(remote, tmp_path, monkeypatch, capsys):
    fetch(remote("good"), tmp_path / "1")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(download.sys.stderr, "isatty", lambda: True, raising=False)
    fetch(remote("good"), tmp_path / "2")
    assert "data.bin: 1 of 1 MB" in capsys.readouterr().err


def test_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("FASTCNN_DATA", str(tmp_path))
    assert data_folder() == str(tmp_path)
    monkeypatch.delenv("FASTCNN_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(download.sys, "platform", "linux")
    assert data_folder() == str(tmp_path / "cache" / "fastcnn")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert data_folder() == str(tmp_path / ".cache" / "fastcnn")
    monkeypatch.setattr(download.sys, "platform", "darwin")
    assert data_folder() == str(tmp_path / "Library" / "Caches" / "fastcnn")


def test_docstring_examples(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(download)
    assert result.attempted > 5 and result.failed == 0
