"""What the shop answers: a path in, a status, a content type and a body out."""

import json
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

from shop.stock import STOCK

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Shop {version}</title>
<style>body {{ font: 16px/1.6 system-ui; max-width: 32rem; margin: 4rem auto }}</style>
<h1>Shop</h1><p>Version {version} in {environment}</p><ul>{items}</ul></html>
"""


@dataclass(frozen=True)
class Shop:
    version: str
    revision: str
    environment: str
    var: Path


def answer(shop: Shop, path: str) -> tuple[int, str, bytes]:
    """The page at `path`."""
    if path == "/":
        return 200, "text/html; charset=utf-8", front(shop).encode()
    if path == "/version":
        facts = {name: value for name, value in asdict(shop).items() if name != "var"}
        return 200, "application/json", json.dumps(facts).encode()
    if path == "/healthz":
        return 200, "text/plain", b"ok\n"
    return 404, "text/plain", b"There is no such page.\n"


def front(shop: Shop) -> str:
    """The front page: what is in stock."""
    items = "".join(f"<li>{escape(name)}</li>" for name in sorted(STOCK))
    return PAGE.format(version=escape(shop.version), environment=escape(shop.environment), items=items)
