"""The web server of a lab: who may ask, how much, and how long; what is answered stands in `actions.py`.

A page on another site must not reach it (`Host` and `Origin` are checked), nor another user of the machine (each request
brings the token of the address), and nobody can make it wait or store much.
"""

import hmac
import io
import json
import socket
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from time import monotonic
from urllib.parse import parse_qsl, urlsplit

from fastcnn.lab.frames import written
from fastcnn.lab.trainer import Over

BODY = 1 << 20     # bytes of a request, at most
_PATIENCE = 10     # seconds for a request to arrive, and for an answer to be taken
_CONNECTIONS = 96  # at a time; further ones are closed
_KINDS = {"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
          "svg": "image/svg+xml"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
                               "form-action 'none'; frame-ancestors 'self' http://localhost:* http://127.0.0.1:*",
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Refused(Exception):
    """A request that is not answered: a code of HTTP, and why, for people."""


class Server(ThreadingHTTPServer):
    """Answers pages, each connection in a thread.

    Args:
        address: (host, port); port 0: any that is free.
        actions: {("GET" or "POST", path): function (query or body) → bytes, an iterator of them, or what JSON
            can say}.
        token: that requests must bring.
    """

    daemon_threads, request_queue_size = True, 64

    def __init__(self, address, actions, token):
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.actions, self.token, self.free = actions, token, threading.BoundedSemaphore(_CONNECTIONS)
        names = [entry.name for entry in resources.files("fastcnn.lab").joinpath("page").iterdir()]
        self.files = {f"/{name}": (name, _KINDS[kind]) for name in names if (kind := name.rpartition(".")[2]) in _KINDS}
        self.files["/"] = self.files["/index.html"]
        super().__init__(address, Handler)

    def process_request(self, request, client_address):
        """Hands a connection to a thread, if there are not too many."""
        if self.free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request, client_address):
        """Serves a connection to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.free.release()

    def handle_error(self, request, client_address):
        """A reader that has vanished is no error of ours."""


class _Timely(socket.SocketIO):
    """What a connection sends until `end`, be it a byte at a time."""

    def readinto(self, buffer):
        if monotonic() >= self.end:
            raise TimeoutError("the request took too long")
        self._sock.settimeout(self.end - monotonic())
        return super().readinto(buffer)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version, server_version, sys_version = "HTTP/1.1", "fastcnn", ""

    def setup(self):
        """Reads through a clock."""
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self.timely = _Timely(self.connection, "r")
        self.rfile = io.BufferedReader(self.timely)

    def handle_one_request(self):
        """A request, which must arrive in time."""
        self.timely.end = monotonic() + _PATIENCE
        super().handle_one_request()

    def do_GET(self):
        """Answers files, questions, and what changes something."""
        try:
            self._check_source()
            path, query = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
            if self.command == "GET" and path in self.server.files:
                name, kind = self.server.files[path]
                return self._send(200, resources.files("fastcnn.lab").joinpath("page", name).read_bytes(), kind)
            if not hmac.compare_digest(self.headers.get("X-Lab-Token", "").encode(), self.server.token.encode()):
                raise Refused(403, "the address of the lab has a token, which this request lacks: open the whole address")
            action = self.server.actions.get((self.command, path))
            if action is None:
                raise Refused(404, "there is no such page")
            found = action(query if self.command == "GET" else self._body())
            if isinstance(found, Iterator):
                return self._send_all(found)
            self._send(200, found, "application/octet-stream" if isinstance(found, bytes) else "application/json")
        except Refused as error:
            self._refuse(*error.args)
        except Over as error:
            self._refuse(503, error)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except LookupError as error:
            self._refuse(400, f"there is no {error}")
        except Exception as error:
            self._refuse(400, error)

    do_POST = do_GET

    def _check_source(self):
        """Refuses pages of other sites, whatever name they have given to this machine."""
        host, port = self.connection.getsockname()[:2]
        names = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]", f"[{host}]" if ":" in host else host)}
        if self.headers.get("Host") not in names:
            raise Refused(403, "this server answers to its own address alone")
        if self.headers.get("Origin") not in (None, f"http://{self.headers['Host']}"):
            raise Refused(403, "pages of other sites may not ask")

    def _body(self):
        """The object that a request brings, as JSON."""
        length = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != "application/json":
            raise Refused(415, "bodies must be of type application/json")
        if not (length.isascii() and length.isdecimal()) or "Transfer-Encoding" in self.headers:
            raise Refused(411, "a request must say its length")
        if int(length) > BODY:
            raise Refused(413, f"a request may have {BODY} bytes")
        try:
            found = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"a body must be JSON: {error}") from None
        if not isinstance(found, dict):
            raise ValueError(f"a body must be an object. Received: {type(found).__name__}")
        return found

    def _refuse(self, code, error):
        self.close_connection = True  # its body may not have been read
        where = {name: getattr(error, name) for name in ("place", "line") if hasattr(error, name)}
        self._send(code, {"error": str(error) or type(error).__name__, **where}, "application/json")

    def _send(self, code, content, kind):
        content = content if isinstance(content, bytes) else written(content)
        self.connection.settimeout(_PATIENCE)
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _send_all(self, parts):
        """Sends parts as they come, each behind its length (4 bytes, little-endian)."""
        part = next(parts)  # what is wrong with a question is refused before anything is sent
        self.connection.settimeout(_PATIENCE)
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while part is not None:
                self.wfile.write(b"%x\r\n%b%b\r\n" % (len(part) + 4, struct.pack("<I", len(part)), part))
                part = next(parts, None)
            self.wfile.write(b"0\r\n\r\n")
        except Exception:  # too late to say so within this answer: it is cut off, and the next one says it
            self.close_connection = True

    def end_headers(self):
        """With what browsers are to heed."""
        for name, value in {**_HEADERS, **({"Connection": "close"} if self.close_connection else {})}.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, form, *values):
        """Nothing is printed."""
