"""A visit to the running server over HTTP, as a browser with cookies would make it."""

import http.client
import re
import time
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Visitor:
    """Somebody with a browser; every answer is given as status and text."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies: dict[str, str] = {}

    def get(self, path: str) -> tuple[int, str]:
        """The page at `path`."""
        return self._ask("GET", path)

    def press(self, path: str, page: str) -> tuple[int, str]:
        """What the only button of the form on `page` does."""
        token = _TOKEN.search(page)
        return self._ask("POST", path, urlencode({"csrfmiddlewaretoken": token[1] if token else ""}))

    def _ask(self, method: str, path: str, body: str = "") -> tuple[int, str]:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": self.url,
        }
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            for line in answer.headers.get_all("Set-Cookie", []):
                self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()


def sign_in(url: str, link_path: str, room_path: str) -> float:
    """Come in by a one-time link and open the room; how long the room's page took, in seconds.

    Raises:
        RuntimeError: a page is not what it should be.
    """
    visitor = Visitor(url)
    status, page = visitor.get(link_path)
    pressed, _ = visitor.press(link_path, page)
    began = time.monotonic()
    shown, room = visitor.get(room_path)
    took_s = time.monotonic() - began
    if (status, pressed, shown) != (200, 302, 200) or 'id="boot"' not in room:
        raise RuntimeError(f"the link answered {status}, its button {pressed}, the room {shown}")
    return took_s
