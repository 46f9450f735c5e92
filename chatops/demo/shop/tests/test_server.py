import http.client
import tempfile
import threading
import time
import unittest
from pathlib import Path

from shop import server


class OverHttp(unittest.TestCase):
    """The whole program on a port of its own, asked as a customer would."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        release = Path(folder.name)
        release.joinpath("VERSION").write_text("9.9.9\n")
        release.joinpath("var").mkdir()
        self.server = server.listen(0, release)
        self.server.RequestHandlerClass.log_message = lambda *words: None
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=5)
        self.addCleanup(connection.close)
        connection.request("GET", path)
        page = connection.getresponse()
        return page.status, page.read()

    def test_customers_see_the_version(self):
        assert b"Version 9.9.9" in self.get("/")[1]

    def test_an_unknown_page_is_not_found(self):
        assert self.get("/nowhere")[0] == 404

    def test_many_visits_are_served(self):
        began = time.monotonic()

        for _ in range(400):
            assert self.get("/version")[0] == 200

        print(f"400 visits in {time.monotonic() - began:.1f} s", flush=True)
