"""The lab against pages of other sites, other users of the machine, and readers that wait, send too much, or nonsense:
each is refused, and training goes on."""

import gc
import json
import re
import socket
import time
from importlib import resources

import numpy as np
import pytest
from lab_client import Client

import fastcnn
from fastcnn.lab import Lab, frames, server

(X, Y), _ = fastcnn.datasets.mnist.load_data()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A lab that trains all the while, and must still do so when the tests of this file have been at it."""
    lab = Lab("lenet5", ((X[:640], Y[:640]), (X[:100], Y[:100])), str(tmp_path_factory.mktemp("lab") / "models"))
    client = Client(lab.start())
    client.wait(lambda text: True)
    client.post("settings", epochs=10**6, learning_rate=0.0)
    before = [w.copy() for w in lab.model.get_weights()]
    client.post("do", action="start")
    yield lab, client
    step = client.wait(lambda text: text["step"] > 0)[0]["step"]
    text, _ = client.wait(lambda text: text["step"] > step)
    assert text["state"] == "running" and text["revision"] == 1 and text["message"] == ""
    assert all(np.array_equal(a, b) for a, b in zip(before, lab.model.get_weights()))
    lab.close()


WAYS = [("GET", "/api/frame"), ("GET", "/api/frames"), ("GET", "/api/network"), ("POST", "/api/do"), ("POST", "/api/save"),
        ("GET", "/api/files")]


@pytest.mark.parametrize("method, path", WAYS)
@pytest.mark.parametrize("token", [None, "", "wrong", "é", "x" * 5000])
def test_a_wrong_token_is_refused(running, method, path, token):
    _, client = running
    assert client.ask(method, path, {"action": "reset"} if method == "POST" else None, X_Lab_Token=token)[0] == 403


@pytest.mark.parametrize("path", [*WAYS, ("GET", "/"), ("GET", "/main.js")])
@pytest.mark.parametrize("host", [
    "evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}", "", None,
    "127.0.0.1:{port}.evil.example", "0.0.0.0:{port}"])
def test_other_names_of_this_machine_are_refused(running, path, host):
    """DNS rebinding: a page of evil.example whose name leads here."""
    _, client = running
    host = host and host.format(port=client.address.partition(":")[2])
    assert client.ask(*path, {} if path[0] == "POST" else None, Host=host)[0] in (400, 403)


@pytest.mark.parametrize("origin", [
    "http://evil.example", "null", "https://{address}", "http://localhost:1", "http://{address}.evil.example"])
def test_pages_of_other_sites_are_refused(running, origin):
    _, client = running
    for method, path in WAYS:
        body = {"action": "reset"} if method == "POST" else None
        assert client.ask(method, path, body, Origin=origin.format(address=client.address))[0] == 403
        assert client.headers.get("Access-Control-Allow-Origin") is None
    assert client.ask("GET", "/api/files", Origin=f"http://{client.address}")[0] == 200


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_own_names_are_answered(running, name):
    _, client = running
    assert client.ask("GET", "/api/files", Host=f"{name}:{client.address.partition(':')[2]}")[0] == 200


@pytest.mark.parametrize("headers, code", [
    ({"Content_Length": str(server.BODY + 1)}, 413), ({"Content_Length": "9" * 30}, 413), ({"Content_Length": "-1"}, 411),
    ({"Content_Length": "²"}, 411), ({"Content_Length": "ten"}, 411), ({"Transfer_Encoding": "chunked"}, 411),
    ({"Content_Type": "text/plain"}, 415), ({"Content_Type": None}, 415),
    ({"Content_Type": "application/x-www-form-urlencoded"}, 415), ({"Content_Type": "multipart/form-data"}, 415),
])
def test_bodies_are_bounded_and_of_one_kind(running, headers, code):
    _, client = running
    assert client.ask("POST", "/api/do", b'{"action": "reset"}', **headers)[0] == code
    assert client.ask("POST", "/api/do", None, Content_Length=None)[0] == 411


def test_a_large_body_is_not_read(running):
    _, client = running
    with socket.create_connection(client.address.split(":"), timeout=100) as connection:
        connection.sendall(request(client, "POST", "/api/do", {"Content-Length": str(10**12)}))
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def request(client, method, path, headers=()):
    given = {"Host": client.address, "X-Lab-Token": client.token, "Content-Type": "application/json", **dict(headers)}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def nonsense(rng):
    """Bodies that are no JSON, or no object, or of wrong types."""
    whole = json.dumps({"action": "a", "text": "[{}]", "kind": "a", "number": 3, "pixels": [1, 2], "name": "//"}).encode()
    kind = rng.integers(5)
    if kind == 0:
        return whole[:rng.integers(len(whole))]
    if kind == 1:
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] = rng.integers(256)
        return bytes(damaged)
    if kind == 2:
        return rng.integers(0, 256, rng.integers(1, 200)).astype(np.uint8).tobytes()
    if kind == 3:
        found = b"[" * 100_000, b'{"a":' * 50_000, b"1" * 10_000, b"NaN", b"null", b"[]", b'"x"', b"\xff\xfe"
        return found[rng.integers(8)]
    values = [None, True, -1, 1e400, "/x", [], {}, [[]], "9" * 99, {"a": 1}]
    return json.dumps({key: values[rng.integers(len(values))] for key in (
        "text", "kind", "number", "pixels", "name", "optimizers", "learning_rate", "apply")}).encode()


def test_nonsense_a_thousand_times(running):
    lab, client = running
    rng, ways = np.random.default_rng(0), ["settings", "apply", "preset", "specimen", "save", "load"]
    codes = [client.ask("POST", f"/api/{ways[i % len(ways)]}", nonsense(rng))[0] for i in range(1000)]
    assert set(codes) == {400}


@pytest.mark.parametrize("name", [
    "../x", "..", ".", "/etc/passwd", "a/b", "a\\b", "", " a", "a\n", "a\0b", "x" * 65, "é", None, 3, ["a"], "-rf", "C:x",
    "~/x", "%2e%2e/x", "..%2fx"])
def test_no_name_leads_out_of_the_folder(running, name, tmp_path):
    lab, client = running
    for action in ("save", "load"):
        assert client.ask("POST", f"/api/{action}", {"name": name})[0] == 400
    assert client.get("files")["names"] == []


@pytest.mark.parametrize("path", [
    "/../session.py", "/..%2fsession.py", "/page/index.html", "/style.css/../../session.py", "/.", "//", "/session.py",
    "/api/", "/api/table", "/api/__init__", "/etc/passwd", "/index.html%00"])
def test_there_are_no_other_files(running, path):
    _, client = running
    status, _ = client.ask("GET", path)
    assert status == 404 or path == "//" and status in (200, 404)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD", "TRACE", "PATCH", "NONSENSE"])
def test_other_methods_are_not_answered(running, method):
    _, client = running
    assert client.ask(method, "/")[0] in (400, 501)
    assert client.headers.get("Access-Control-Allow-Origin") is None


@pytest.mark.parametrize("sent", [
    b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\r\n\r\n",
    b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
    b"GET / HTTP/1.1\r\na: " + b"b" * 70_000 + b"\r\n\r\n"], ids=range(8))
def test_what_is_no_request_is_refused(running, sent):
    _, client = running
    with socket.create_connection(client.address.split(":"), timeout=100) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(1000):
            answer += part
    assert not answer or re.match(rb"HTTP/1.1 (4\d\d|505)|<!DOCTYPE|<html", answer), answer[:100]


def test_slow_senders_are_cut_off(running, monkeypatch):
    """Fifty connections that send a byte now and then: the page is answered meanwhile, and they are closed in time."""
    lab, client = running
    monkeypatch.setattr(server, "_PATIENCE", 2)
    slow = [socket.create_connection(client.address.split(":"), timeout=100) for _ in range(50)]
    begun = time.monotonic()
    for connection in slow:
        connection.sendall(b"POST /api/do HTTP/1.1\r\nX-Slow: ")
    open_, version = list(slow), -1
    while open_ and time.monotonic() < begun + 200:
        text, _ = client.frame(version)
        version = text["version"]
        assert text["state"] == "running"
        for connection in list(open_):
            try:
                connection.sendall(b"a")
            except OSError:
                open_.remove(connection)
        time.sleep(0.1)
    for connection in slow:
        connection.close()
    assert not open_, "they are still served"


def test_a_body_that_never_comes_is_not_waited_for(running, monkeypatch):
    _, client = running
    monkeypatch.setattr(server, "_PATIENCE", 1)
    with socket.create_connection(client.address.split(":"), timeout=100) as connection:
        connection.sendall(request(client, "POST", "/api/do", {"Content-Length": "100"}) + b'{"action"')
        assert connection.recv(100) == b""


def test_too_many_connections_are_closed(running, monkeypatch):
    _, client = running
    monkeypatch.setattr(server, "_PATIENCE", 60)
    many = [socket.create_connection(client.address.split(":"), timeout=100) for _ in range(server._CONNECTIONS + 20)]
    closed, begun = 0, time.monotonic()
    while closed < 20 and time.monotonic() < begun + 200:
        time.sleep(0.1)
        closed = sum(_is_closed(connection) for connection in many)
    assert 20 <= closed < server._CONNECTIONS
    for connection in many:
        connection.close()
    for _ in range(100):
        try:
            assert client.get("files")
            break
        except OSError:
            time.sleep(0.1)
    else:
        raise AssertionError("nobody is answered any more")


def _is_closed(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_a_reader_that_stops_reading_keeps_nothing(running):
    """It asks for frames and takes no answer; there is one frame, and training goes on."""
    lab, client = running
    asks = [request(client, "GET", f"/api/{name}?after=-1&layers=%5B%22c1%22%2C%22c3%22%2C%22c5%22%5D")
            for name in ("frame", "frames")]
    stuck = [socket.create_connection(client.address.split(":"), timeout=100) for _ in range(5)]
    for i, connection in enumerate(stuck):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(asks[i % 2] * 200)
    version, seen = -1, set()
    while len(seen) < 30:
        text, _ = client.frame(version)
        version = text["version"]
        seen.add(text["step"])
    gc.collect()
    alive = sum(isinstance(thing, frames.Frame) for thing in gc.get_objects())
    assert alive <= 2 + len(stuck), alive
    for connection in stuck:
        connection.close()


def test_headers(running):
    _, client = running
    for path in ("/", "/main.js", "/style.css", "/api/files", "/nothing"):
        client.ask("GET", path)
        policy = client.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy and "unsafe" not in policy and "*;" not in policy
        assert client.headers["X-Content-Type-Options"] == "nosniff" and client.headers["Cache-Control"] == "no-store"
        assert client.headers["Referrer-Policy"] == "no-referrer" and "Set-Cookie" not in client.headers


def test_the_page_runs_nothing_but_its_own_files():
    folder = resources.files("fastcnn.lab").joinpath("page")
    files = {entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir()}
    assert {"index.html", "style.css", "main.js"} <= set(files)
    page = files["index.html"]
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|javascript:", page)
    for name, text in files.items():
        text = text.replace("http://www.w3.org/2000/svg", "")
        banned = r"\beval\b|new Function|innerHTML|outerHTML|document\.write|insertAdjacentHTML|https?://|import\("
        assert not re.search(banned, text), name
    used = set(re.findall(r'(?:src|href)="([\w.]+)"|from "\./([\w.]+)"', "".join(files.values())))
    assert {a or b for a, b in used} <= set(files) and len(used) > 15


def test_listens_to_this_machine_alone(running):
    lab, _ = running
    assert lab.server.server_address[0] == "127.0.0.1" and lab.url.startswith("http://127.0.0.1:")
    assert len(lab.server.token) >= 20 and Lab(None, "mnist").url is None
