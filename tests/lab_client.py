"""What talks to a lab in the tests, as its page does."""

import http.client
import json
import struct
from urllib.parse import urlencode, urlsplit


class Client:
    """Asks a lab.

    Args:
        url: its address, with the token.
    """

    def __init__(self, url):
        self.url = url
        self.address = urlsplit(url).netloc
        self.token = url.partition("#token=")[2]

    def ask(self, method, path, body=None, **headers):
        """(status, what was answered): an object, or bytes. headers: in the place of the right ones; None: without."""
        given = {"Host": self.address, "X-Lab-Token": self.token, "Content-Type": "application/json"}
        given.update({name.replace("_", "-"): value for name, value in headers.items()})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        connection = http.client.HTTPConnection(self.address, timeout=300)
        try:
            connection.putrequest(method, path, skip_host=True)
            for name, value in given.items():
                if value is not None:
                    connection.putheader(name, value)
            if body is not None and "Content-Length" not in given:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        self.headers = answer.headers
        return answer.status, json.loads(content) if "json" in answer.headers.get("Content-Type", "") else content

    def get(self, name, /, **query):
        """What is answered to a question; an AssertionError if it is refused."""
        status, found = self.ask("GET", f"/api/{name}?{urlencode(query)}")
        assert status == 200, found
        return found

    def post(self, name, /, **body):
        """The same of what changes something."""
        status, found = self.ask("POST", f"/api/{name}", body)
        assert status == 200, found
        return found

    def refused(self, name, /, **body):
        """What is wrong with a request."""
        status, found = self.ask("POST", f"/api/{name}", body)
        assert status == 400, (status, found)
        return found

    def frame(self, after=-1, layers=(), **marks):
        """(text of a frame, its bytes)."""
        return unpacked(self.get("frame", after=after, layers=json.dumps(list(layers)), **marks))

    def frames(self, after=-1, layers=(), **marks):
        """Some of them, that answer one question."""
        content, found = self.get("frames", after=after, layers=json.dumps(list(layers)), **marks), []
        while content:
            end = 4 + struct.unpack_from("<I", content)[0]
            found.append(unpacked(content[4:end]))
            content = content[end:]
        return found

    def wait(self, reached, layers=()):
        """The first frame (text, bytes) for which `reached` is true."""
        version = -1
        for _ in range(1000):
            text, content = self.frame(version, layers)
            if "layers" in text and reached(text):
                return text, content
            assert text["state"] != "over", text
            version = text["version"]
        raise AssertionError(text)


def unpacked(content):
    """(object, bytes behind it)."""
    (length,) = struct.unpack("<I", content[:4])
    return json.loads(content[4:4 + length]), content[4 + length:]
