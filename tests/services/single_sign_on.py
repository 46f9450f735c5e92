"""An OpenID Connect provider that signs in whoever it is told to, over real HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm


@dataclass
class Provider:
    """`userinfo` is what it says about the person; `secret` is what it wants from us."""

    url: str
    userinfo: dict[str, Any] = field(default_factory=dict)
    secret: str = "between the two of us"
    seen: list[dict[str, list[str]]] = field(default_factory=list)

    def answer(self, address: str) -> str:
        """Where the browser is sent back to, from the address that it was sent to."""
        asked = parse_qs(urlsplit(address).query)
        self.seen.append(asked)
        return f"{asked['redirect_uri'][0]}?{urlencode({'code': 'c0de', 'state': asked['state'][0]})}"


@contextmanager
def running() -> Iterator[Provider]:
    """A provider on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/.well-known/"):
                pages = {name: f"{provider.url}/{name}" for name in ("authorize", "token", "userinfo")}
                self._say(
                    {
                        "issuer": provider.url,
                        "authorization_endpoint": pages["authorize"],
                        "token_endpoint": pages["token"],
                        "userinfo_endpoint": pages["userinfo"],
                        "jwks_uri": f"{provider.url}/keys",
                        "token_endpoint_auth_methods_supported": ["client_secret_post"],
                    }
                )
            elif self.path == "/keys":
                self._say({"keys": [json.loads(RSAAlgorithm.to_jwk(key.public_key())) | {"kid": "k1", "alg": "RS256"}]})
            else:
                self._say(provider.userinfo)

        def do_POST(self) -> None:
            given = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            if given.get("client_secret") != [provider.secret] or not given.get("code_verifier"):
                self._say({"error": "invalid_client"}, 401)
                return
            claims = {"iss": provider.url, "aud": given["client_id"][0], "exp": 2**32, "iat": 0} | provider.userinfo
            token = jwt.encode(claims, key, algorithm="RS256", headers={"kid": "k1"})
            self._say({"access_token": "a token", "token_type": "Bearer", "id_token": token})

        def _say(self, what: dict[str, Any], status: int = 200) -> None:
            body = json.dumps(what).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = Provider(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
