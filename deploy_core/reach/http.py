"""Requests to addresses that people wrote down: bounded in time and size, and never into a network of our own.

A name is looked up once and every address it has must be a public one; the connection goes to that very address, so
no second look-up can lead elsewhere. `SHIPROOM_INTERNAL_HOSTS` names the hosts that may be inside. No redirect is
followed: who answers with one is told to nobody else.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings

from deploy_core.errors import ReachError

_LINE_LIMIT = 2_000
#: What a NAT64 makes of a name that has only IPv4: as public as the IPv4 address in its last 32 bits.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
#: Other IPv6 addresses that lead to IPv4 ones, and so may lead inside: local NAT64, IPv4-compatible, Teredo, 6to4.
_TUNNELS = tuple(ipaddress.IPv6Network(each) for each in ("64:ff9b:1::/48", "::/96", "2001::/32", "2002::/16"))


class Answer(NamedTuple):
    """What came back; of the body at most what was asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def why_not_allowed(url: str) -> str:
    """Empty if requests may go to `url`; else the reason: `form`, `plain` (http to a public host) or `host`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "form"
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or port == 0 or parts.username is not None:
        return "form"
    if parts.fragment or not url.isascii() or not url.isprintable() or " " in url or len(url) > _LINE_LIMIT:
        return "form"
    if _is_internal(host):
        return ""
    try:
        if not _is_public(host):
            return "host"
    except ValueError:
        if host.rstrip(".").rpartition(".")[2] in ("localhost", "internal", "local", "") or "." not in host:
            return "host"
    return "plain" if parts.scheme == "http" else ""


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
    timeout_s: float | None = None,
    limit_bytes: int = 65_536,
) -> Answer:
    """One request.

    Raises:
        ReachError: `address_refused` (with `reason`), `unreachable`, `answer_unreadable`; `server` is the
            host.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if reason := why_not_allowed(url):
        raise ReachError("address_refused", server=host, reason=reason)
    limit_s = timeout_s or settings.HTTP_TIMEOUT_S
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with (
            _connected(host, port, limit_s) as plain,
            closing(_speaking(plain, parts.scheme, host, port)) as connection,
        ):
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(method, path, body=body or None, headers={**headers, "Connection": "close"})
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read(limit_bytes))
    except TimeoutError as error:
        raise ReachError("unreachable", server=host, detail=f"{limit_s:g} s") from error
    except (http.client.HTTPException, ValueError) as error:
        raise ReachError("answer_unreadable", server=host) from error
    except OSError as error:
        raise ReachError("unreachable", server=host) from error


@contextmanager
def _connected(host: str, port: int, limit_s: float) -> Iterator[socket.socket]:
    """A connection that is cut when `limit_s` is over, however many bytes still come: each one alone is in time."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(address[0]) for *_, address in found]
    if not _is_internal(host) and not all(_is_public(address) for address in addresses):
        raise ReachError("address_refused", server=host, reason="host")
    is_over = threading.Event()
    with _to_any(list(dict.fromkeys(addresses)), port, limit_s) as plain, plain.dup() as handle:
        cutting = threading.Timer(limit_s, _cut, (handle, is_over))  # TLS takes `plain` over; the handle stays ours
        cutting.start()
        try:
            yield plain
        finally:
            cutting.cancel()
            cutting.join()
            if is_over.is_set():
                raise TimeoutError


def _to_any(addresses: Sequence[str], port: int, limit_s: float) -> socket.socket:
    """Connected to the first of `addresses` that answers; each is given its share of what is left of the time.

    Raises:
        OSError: what the last one said.
    """
    end = time.monotonic() + limit_s
    for number, address in enumerate(addresses, 1):
        share_s = (end - time.monotonic()) / (len(addresses) - number + 1)
        try:
            found = socket.create_connection((address, port), timeout=max(share_s, 0.001))
        except OSError:
            if number == len(addresses):
                raise
        else:
            found.settimeout(limit_s)
            return found
    raise OSError("the name has no address")


def _cut(connection: socket.socket, is_over: threading.Event) -> None:
    is_over.set()
    with suppress(OSError):  # it has gone by itself
        connection.shutdown(socket.SHUT_RDWR)


def _speaking(plain: socket.socket, scheme: str, host: str, port: int) -> http.client.HTTPConnection:
    made: http.client.HTTPConnection
    if scheme == "https":
        made = http.client.HTTPSConnection(host, port)
        made.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    else:
        made = http.client.HTTPConnection(host, port)
        made.sock = plain
    return made


def _is_internal(host: str) -> bool:
    return host in settings.INTERNAL_HOSTS


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return _is_public(str(found.ipv4_mapped))
        if found in _NAT64:
            return _is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
        if any(found in network for network in _TUNNELS):
            return False
    return found.is_global and not found.is_multicast
