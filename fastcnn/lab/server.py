"""The web server of a lab: who may ask, how much, and how long; what is answered stands in `actions.py`.

A page on another site must not reach it (`Host` and `Origin` are checked), nor another user of the machine (each request
brings the token of the address), and nobody can make it wait or store much.
"""

import hmac
import io
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from time import monotonic
from urllib.parse import parse_qsl, urlsplit

from fastcnn.lab.trainer import Over

BODY = 1 << 20     # bytes of a request, at most
_PATIENCE = 10     # seconds for a request to arrive, and for an answer to be taken
_CONNECTIONS = 96  # at a time; further ones are closed
_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
                               "form-action 'none'; frame-ancestors 'self' http://localhost:* http://127.0.0.1:*",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Refused(Exception):
    """A request that is not answered.

    Args:
        code: of HTTP; message: for people.
    """

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Server(ThreadingHTTPServer):
    """Answers pages, each connection in a thread.

    Args:
        address: (host, port); port 0: any that is free.
        actions: {("GET" or "POST", path): function (query or body) → bytes, or what JSON can say}.
        token: that requests must bring.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address, actions, token):
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.actions, self.token, self.free = actions, token, threading.BoundedSemaphore(_CONNECTIONS)
        self.files = {f"/{entry.name}": entry for entry in resources.files("fastcnn.lab").joinpath("page").iterdir()
                      if entry.name.rpartition(".")[2] in _KINDS}
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
    """What a connection sends, as long as it is sent in time, be it a byte at a time."""

    def __init__(self, connection):
        super().__init__(connection, "r")
        self.begin()

    def begin(self):
        """A request begins."""
        self.end = monotonic() + _PATIENCE

    def readinto(self, buffer):
        left = self.end - monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        self._sock.settimeout(left)
        return super().readinto(buffer)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "fastcnn", ""

    def setup(self):
        """Reads through a clock."""
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self.timely = _Timely(self.connection)
        self.rfile = io.BufferedReader(self.timely)

    def handle_one_request(self):
        """A request, which must arrive in time."""
        self.timely.begin()
        super().handle_one_request()

    def do_GET(self):
        """Files and questions."""
        self._answer("GET")

    def do_POST(self):
        """What changes something."""
        self._answer("POST")

    def _answer(self, method):
        try:
            path, query = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
            self._check_source()
            if method == "GET" and path in self.server.files:
                file = self.server.files[path]
                return self._send(200, file.read_bytes(), _KINDS[file.name.rpartition(".")[2]])
            action = self.server.actions.get((method, path))
            if action is None:
                raise Refused(404, "there is no such page")
            if not hmac.compare_digest(self.headers.get("X-Lab-Token", "").encode(), self.server.token.encode()):
                raise Refused(403, "the address of the lab has a token, which this request lacks: open the whole address")
            found = action(query if method == "GET" else self._body())
            if isinstance(found, bytes):
                return self._send(200, found, "application/octet-stream")
            self._send(200, json.dumps(found).encode())
        except Refused as error:
            self._refuse(error.code, error)
        except Over as error:
            self._refuse(503, error)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except (TypeError, ValueError, KeyError, OSError, ArithmeticError, MemoryError) as error:
            self._refuse(400, error)

    def _check_source(self):
        """Refuses pages of other sites, whatever name they have given to this machine."""
        host, port = self.connection.getsockname()[:2]
        names = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]", f"[{host}]" if ":" in host else host)}
        if self.headers.get("Host") not in names:
            raise Refused(403, "this server answers to its own address alone")
        if self.headers.get("Origin", f"http://{self.headers['Host']}") != f"http://{self.headers['Host']}":
            raise Refused(403, "pages of other sites may not ask")

    def _body(self):
        """The object that a request brings, as JSON."""
        if self.headers.get_content_type() != "application/json":
            raise Refused(415, "bodies must be of type application/json")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or "Transfer-Encoding" in self.headers:
            raise Refused(411, "a request must say its length")
        if int(length) > BODY:
            raise Refused(413, f"a request may have {BODY} bytes")
        text = self.rfile.read(int(length))
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"a body must be JSON: {error}") from None
        if not isinstance(found, dict):
            raise ValueError(f"a body must be an object. Received: {type(found).__name__}")
        return found

    def _refuse(self, code, error):
        self.close_connection = True  # its body may not have been read
        where = {name: getattr(error, name) for name in ("place", "line") if hasattr(error, name)}
        self._send(code, json.dumps({"error": str(error) or type(error).__name__, **where}).encode())

    def _send(self, code, content, kind="application/json"):
        self.connection.settimeout(_PATIENCE)
        self.send_response(code)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text") else kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def end_headers(self):
        """With what browsers are to heed."""
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        super().end_headers()

    def log_message(self, form, *values):
        """Nothing is printed."""
