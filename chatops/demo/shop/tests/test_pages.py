import json
import tempfile
import unittest
from pathlib import Path

from shop.pages import Shop, answer


class Pages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.shop = Shop("9.9.9", "abc", "a <b>", Path(folder.name))

    def test_the_front_page_names_version_and_environment_safely(self):
        status, _, body = answer(self.shop, "/")
        assert status == 200
        assert b"Version 9.9.9 in a &lt;b&gt;" in body

    def test_the_version_is_data(self):
        _, kind, body = answer(self.shop, "/version")
        assert kind == "application/json"
        assert json.loads(body) == {"version": "9.9.9", "revision": "abc", "environment": "a <b>"}

    def test_a_running_shop_is_healthy(self):
        assert answer(self.shop, "/healthz")[0] == 200

    def test_an_unknown_page_is_not_found(self):
        assert answer(self.shop, "/nowhere")[0] == 404
