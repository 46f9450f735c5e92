"""The proxies of docs/self-hosting.md, as they stand there, before a real server. A part of `make soak`."""

import datetime
import json
import re
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.room.serving import ROOT, Serving
from tests.services.openssh import free_port
from tests.waiting import wait_until

PAGE = (ROOT / "docs" / "self-hosting.md").read_text()
HOW = {"nginx": "apt install nginx-light", "caddy": "apt install caddy"}


def written(name: str) -> str:
    """The configuration under a word of the page, without its indentation."""
    block = re.search(rf"(?im)(?:^|\s){name}:\n\n((?:    .*\n|\n)+)", PAGE)
    assert block, name
    return re.sub(r"(?m)^    ", "", block[1])


def certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=2))
    signed = made.sign(key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    encoding, shape = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "cert.key").write_bytes(key.private_bytes(encoding, shape, serialization.NoEncryption()))


class Proxied:
    """A server behind a proxy; `url` is the proxy's."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.port, self.inner = free_port(), free_port()
        self.url = f"https://localhost:{self.port}"
        keys = folder / "keys.json"
        settings = {"PUBLIC_URL": self.url, "SHIPROOM_KEY_FILE": str(keys), "PORT": str(self.inner)}
        self.server = Serving(folder / "var", **settings)
        keys.write_text(json.dumps({"primary": "k", "keys": {"k": "A" * 43 + "="}}))
        keys.chmod(0o600)
        certificate(folder)

    @contextmanager
    def running(self) -> Iterator["Proxied"]:
        self.server.seed()
        log = (self.folder / "serve.log").open("ab")
        web = subprocess.Popen(
            [sys.executable, "manage.py", "serve"], cwd=ROOT, env=self.server.environment, stdout=log, stderr=log
        )
        proxy = subprocess.Popen(self._command(), stdout=log, stderr=log, cwd=self.folder)
        try:
            wait_until(self._answers, 60, what="the proxy answers")
            yield self
        finally:
            proxy.terminate()
            web.terminate()
            proxy.wait(20)
            web.wait(20)
            log.close()

    def _command(self) -> list[str]:
        program = shutil.which(self.name)
        assert program, f"{self.name} is not on PATH: {HOW[self.name]}"
        text = written(self.name).replace("127.0.0.1:8000", f"127.0.0.1:{self.inner}")
        if self.name == "caddy":
            text = text.replace("ship.example.org {", f"localhost:{self.port} {{\n    tls cert.pem cert.key", 1)
            text = text.replace("{\n", "{\n    admin off\n    auto_https disable_redirects\n", 1)
            (self.folder / "Caddyfile").write_text(text)
            return [program, "run", "--config", "Caddyfile", "--adapter", "caddyfile"]
        text = text.replace("listen 443 ssl", f"listen {self.port} ssl").replace("ship.example.org;", "localhost;", 1)
        text = re.sub(r"ssl_certificate \S+;", f"ssl_certificate {self.folder}/cert.pem;", text)
        text = re.sub(r"ssl_certificate_key \S+;", f"ssl_certificate_key {self.folder}/cert.key;", text)
        around = f"daemon off; pid {self.folder}/nginx.pid; error_log stderr; worker_processes 1; events {{}}\n"
        (self.folder / "nginx.conf").write_text(f"{around}http {{ access_log off;\n{text}\n}}\n")
        return [program, "-c", str(self.folder / "nginx.conf"), "-p", str(self.folder)]

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return client.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def client(self, **options: object) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=False, trust_env=False, timeout=30, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxied(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    with Proxied(tmp_path_factory.mktemp(request.param), request.param).running() as running:
        yield running


def test_pages_come_with_cookies_of_this_host_alone(proxied: Proxied):
    with proxied.client() as client:
        answer = client.get("/accounts/sign-in/")

    assert answer.status_code == 200
    assert "__Host-csrf=" in answer.headers["Set-Cookie"]
    assert "Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")


def test_a_client_does_not_decide_what_the_proxy_says(proxied: Proxied):
    lies = {"X-Forwarded-Proto": "http", "X-Forwarded-For": "203.0.113.9"}

    with proxied.client() as client:
        assert client.get("/accounts/sign-in/", headers=lies).status_code == 200
    for _ in range(5):
        with proxied.client() as client:
            page = client.get("/accounts/sign-in/").text
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]  # type: ignore[index]
            body = {"csrfmiddlewaretoken": token, "username": "alice", "password": "wrong"}
            headers = {"Referer": proxied.url, "X-Forwarded-For": "203.0.113.9"}
            last = client.post("/accounts/sign-in/", data=body, headers=headers)
    assert last.status_code == 429
    seen = "from axes.models import AccessAttempt as A; print(set(A.objects.values_list('ip_address', flat=True)))"
    assert "203.0.113.9" not in proxied.server.manage("shell", "--no-imports", "-c", seen)


@pytest.mark.parametrize("kind", ["announced", "chunked"])
def test_a_body_that_is_too_large_does_not_arrive(proxied: Proxied, kind: str):
    pieces = [b"x" * 65_536] * 48
    content = b"".join(pieces) if kind == "announced" else iter(pieces)

    with proxied.client() as client:
        assert client.post("/accounts/sign-in/", content=content).status_code == 413


def test_half_a_head_is_hung_up_on(proxied: Proxied):
    context = ssl._create_unverified_context()
    raw = socket.create_connection(("localhost", proxied.port), timeout=40)
    with context.wrap_socket(raw, server_hostname="localhost") as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: 1")
        answer = line.recv(4096)

    assert answer == b"" or b" 408 " in answer.split(b"\r\n")[0]


def test_sockets_pass_with_a_session_and_from_our_own_page_alone(proxied: Proxied):
    context = ssl._create_unverified_context()
    address = f"{proxied.url.replace('https', 'wss')}/rt/ws"
    cookie = {"Cookie": f"__Host-session={proxied.server.keys['alice']}"}

    with connect(address, origin=proxied.url, ssl=context, additional_headers=cookie, proxy=None) as line:
        line.send(json.dumps({"t": "hello", "v": 1, "want": []}))
        assert json.loads(line.recv(timeout=20))["t"] == "welcome"
    for origin, headers in (
        ("https://evil.example", cookie),
        (proxied.url, {}),
        (f"http://localhost:{proxied.port}", cookie),
    ):
        with pytest.raises(InvalidStatus) as refused:
            connect(address, origin=origin, ssl=context, additional_headers=headers, proxy=None)
        assert refused.value.response.status_code == 403
