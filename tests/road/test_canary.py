"""Canaries: a deployment, a failure, a way back and every page; everything that leaves the process is searched.

Kept are every page and export, every frame of a socket, every poll, the log, the shell's answers, the command lines of
all processes, and the bytes of the database. Searched for is each secret, in six encodings.
"""

import base64
import json
import os
import re
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.services import branches
from tests.services.shiproom import Shiproom

#: Pages that one reader looks at; in `make soak` all there are.
PAGES_LIMIT = 2000 if os.environ.get("SHIPROOM_SOAK") else 45
A_SECOND_STEP = """
from allauth.mfa.models import Authenticator
from chatops.accounts.adapters import ABOUT
from deploy_core import sealing
from deploy_core.models import Person
secret = sealing.seal(b"CANARYTOTPSECRET234567", about=ABOUT)
Authenticator.objects.create(user=Person.objects.get(username="carol"), type="totp", data={"secret": secret})
"""


class Kept:
    """Everything that left, with where."""

    def __init__(self) -> None:
        self.parts: dict[tuple[str, bytes], None] = {}
        self.deployments = range(0)

    def add(self, where: str, what: bytes | str) -> None:
        self.parts[where, what.encode(errors="replace") if isinstance(what, str) else what] = None

    def found(self, name: str, secret: str) -> list[str]:
        """Where `secret` is, in any of the encodings."""
        everything = b"\0".join(what for _, what in self.parts)
        there = [(how, form) for how, form in forms(secret) if form in everything]
        return [f"{name} as {how} in {where}" for how, form in there for where, what in self.parts if form in what]


def forms(secret: str) -> Iterator[tuple[str, bytes]]:
    """Six encodings; base64 in each of its alignments."""
    raw = secret.encode()
    yield "text", raw
    yield "JSON", json.dumps(secret)[1:-1].encode()
    yield "URL", urllib.parse.quote(secret, safe="").encode()
    yield "hex", raw.hex().encode()
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)[(0, 2, 3)[shift] :].rstrip(b"=")[:-2]
        yield "base64", encoded
        yield "base64 for URLs", encoded.replace(b"+", b"-").replace(b"/", b"_")


def canary_file(password: str, *, fails: bool) -> str:
    """A deploy.yml whose hook prints the password of a server, in halves, as base64, and in the environment's way.

    Each of its commands has the word printf in its command line: by it `listening` tells them from the product's own.
    """
    half = len(password) // 2
    whole = f"printf '%s%s' '{password[:half]}' '{password[half:]}'"
    lines = [
        f"{whole}; echo",
        f"{whole} | base64",
        f"S=$({whole}) env | grep ^S= >&2",
        f'sh -c \'printf "%s\\n" "$1"\' - $({whole})',
    ]
    hooks = {"hooks": {"before_switch": [*lines, "exit 3" if fails else "true"]}}
    return json.dumps(hooks)[1:-1]


def spoil(server: Shiproom, name: str, *, fails: bool) -> None:
    password = (server.data / "demo" / "keys" / "password").read_text()

    def change(folder: Path) -> None:
        text = (folder / "deploy.yml").read_text()
        (folder / "deploy.yml").write_text(f"{text}\n{canary_file(password, fails=fails)}\n")

    branches.push(server, name, "Print what nobody should read", change)


@contextmanager
def listening(server: Shiproom, kept: Kept) -> Iterator[None]:
    """Keep every frame of a socket and every poll of alice, and the command lines of all processes, meanwhile."""
    over = threading.Event()
    cookie = "; ".join(f"{name}={value}" for name, value in server.cookies("alice").items())
    streams = ["room:1", *(f"deployment:{n}" for n in range(1, 9)), *(f"log:{n}" for n in range(1, 120))]

    def hear() -> None:
        with connect(
            f"{server.url.replace('http', 'ws')}/rt/ws",
            origin=server.url,
            additional_headers={"Cookie": cookie},
            proxy=None,
        ) as socket:
            socket.send(json.dumps({"t": "hello", "v": 1, "client": "canary", "want": streams[:150]}))
            asked = time.monotonic()
            while not over.is_set():
                try:
                    kept.add("a frame", socket.recv(timeout=0.5))
                except TimeoutError:
                    pass
                except ConnectionClosed:
                    return
                if time.monotonic() - asked > 1:
                    asked = time.monotonic()
                    for stream in streams[1:]:
                        socket.send(json.dumps({"t": "sub", "rid": stream, "s": stream}))

    def watch() -> None:
        while not over.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes()
                except OSError:
                    continue
                # What the demo's own servers run was written by the test; it is not a process of the product.
                if line and b"printf" not in line:
                    kept.add("a command line", line)
            over.wait(0.05)

    threads = [threading.Thread(target=work) for work in (hear, watch)]
    for each in threads:
        each.start()
    try:
        yield
    finally:
        over.set()
        for each in threads:
            each.join(20)


def crawl(server: Shiproom, kept: Kept, cookies: dict[str, str], seeds: tuple[str, ...]) -> dict[str, httpx.Response]:
    """Every page that links lead to, with its headers."""
    seen: dict[str, httpx.Response] = {}
    todo = [*seeds, "/"]
    with httpx.Client(base_url=server.url, cookies=cookies, trust_env=False, timeout=30) as client:
        while todo and len(seen) < PAGES_LIMIT:
            path = todo.pop(0)
            if path in seen or "/static/" in path:
                continue
            answer = seen[path] = client.get(path)
            kept.add(f"page {path}", answer.content + str(answer.headers).encode())
            links = re.findall(r'(?:href|action|src)="(/[^"#]*)', answer.text)
            todo += [answer.headers["Location"]] if answer.is_redirect and answer.headers["Location"][0] == "/" else []
            todo += [link.replace("&amp;", "&") for link in links if "/language/" not in link]
    return seen


@pytest.fixture(scope="module")
def boss(server: Shiproom) -> dict[str, str]:
    made = server.manage("person", "add", "boss", "--grant", "manager")
    server.links["boss"] = made.stdout.strip()
    return server.cookies("boss")


@pytest.fixture(scope="module")
def canaries(server: Shiproom, boss: dict[str, str]) -> dict[str, str]:
    """Secrets of every kind that the product keeps."""
    keys = server.data / "demo" / "keys"
    server.run_code(A_SECOND_STEP)
    hook = server.manage("hook", "in", "shop", "github", "--person", "ci").stdout
    token = server.manage("token", "add", "ci", "canary", "--scope", "status", "--days", "1").stdout
    return {
        "the password of a server": (keys / "password").read_text(),
        "a private key": (keys / "client").read_text().splitlines()[2],
        "a second step": "CANARYTOTPSECRET234567",
        "a webhook's secret": max(re.findall(r"[\w-]{30,}", hook), key=len),
        "a token": max(re.findall(r"[\w-]{30,}", token), key=len),
    }


@pytest.fixture(scope="module")
def kept(server: Shiproom, boss: dict[str, str], canaries: dict[str, str]) -> Kept:
    """The recording run."""
    kept = Kept()
    before = server.newest_deployment()
    spoil(server, "canary", fails=False)
    spoil(server, "canary-fails", fails=True)
    with listening(server, kept):
        for line in (
            "/deploy shop to staging",
            "/deploy shop/canary to staging",
            "/deploy shop/canary-fails to staging",
            "/rollback shop in staging",
            f"/logs #{before + 2} --tail 50",
        ):
            done = server.say(line)
            kept.add(f"the shell's answer to {line}", done.stdout + done.stderr)
    kept.deployments = range(before + 1, server.newest_deployment() + 1)
    seeds = [f"/deployments/{number}/" for number in kept.deployments]
    seeds += ["/fleet/servers/", "/fleet/credentials/", "/people/", "/audit/", "/reviews/", "/accounts/", "/nowhere/"]
    kept.pages = crawl(server, kept, boss, tuple(seeds))  # type: ignore[attr-defined]
    crawl(server, kept, server.cookies("alice"), tuple(seeds))
    for words in (("audit", "export"), ("dumpdata",)):
        done = server.manage(*words)
        kept.add(" ".join(words), done.stdout + done.stderr)
    kept.add("the log", server.log.read_bytes())
    for path in server.data.glob("*.db*"):
        kept.add(f"the bytes of {path.name}", path.read_bytes())
    return kept


def test_the_run_went_as_meant_and_its_output_was_masked(server: Shiproom, kept: Kept) -> None:
    statuses = [server.ended(number)[0] for number in kept.deployments]

    assert statuses == ["succeeded", "succeeded", "rolled_back", "succeeded"]
    masked = [where for where, what in kept.parts if b"[MASKED]" in what]
    assert any(where.startswith("page /deployments/") for where in masked)
    assert "a frame" in masked
    assert len(kept.parts) > 100


def test_no_secret_left_the_process(kept: Kept, canaries: dict[str, str]) -> None:
    assert all(len(secret) >= 16 for secret in canaries.values()), canaries.keys()

    assert [place for name, secret in canaries.items() for place in kept.found(name, secret)] == []


def test_the_search_would_have_found_them(canaries: dict[str, str]) -> None:
    for name, secret in canaries.items():
        raw = secret.encode()
        for told in (
            raw,
            json.dumps({"a": secret}).encode(),
            b"x" + raw.hex().encode(),
            base64.b64encode(b"ab" + raw + b"c"),
        ):
            kept = Kept()
            kept.add("somewhere", told)
            assert kept.found(name, secret), (name, told)


def test_every_page_answers_without_an_error_and_with_its_headers(kept: Kept) -> None:
    pages: dict[str, httpx.Response] = kept.pages  # type: ignore[attr-defined]

    assert len(pages) > 25
    assert {path: answer.status_code for path, answer in pages.items() if answer.status_code >= 500} == {}
    for path, answer in pages.items():
        policy = answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy, path
        assert "unsafe" not in policy, path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert answer.headers["X-Frame-Options"] == "DENY", path
        assert answer.headers["Referrer-Policy"] == "same-origin", path


def test_nothing_was_logged_as_an_error(server: Shiproom, kept: Kept) -> None:
    assert "Traceback" not in server.log.read_text(errors="replace")
