"""What a repository's address and a ref may look like. Pure: nothing is looked up."""

import ipaddress
import re
from urllib.parse import urlsplit

from .machines import is_host

REF_LIMIT = 200
URL_LIMIT = 500

#: What git-check-ref-format(1) forbids anywhere in a name.
_NEVER = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")
_COMMIT = re.compile(r"[0-9a-f]{7,40}\Z")
_HOST = re.compile(r"(?!-)[A-Za-z0-9.-]{1,253}\Z")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}\Z")
_SCP_LIKE = re.compile(r"(?:(?P<user>[^@:/]+)@)?(?P<host>[^@:/]+):(?P<path>[^:].*)\Z")
_PATH = re.compile(r"[\w./~+@%-]+\Z")


def is_ref_name(ref: str) -> bool:
    """Whether `ref` may be a branch, a tag or a commit id: no revision syntax, no option, no `refs/…`.

    git is never asked about a text that is not one (git-check-ref-format, and the options a leading dash would be).
    """
    if not ref or len(ref) > REF_LIMIT or _NEVER.search(ref) or not ref.isprintable():
        return False
    if ref[0] in "-/" or ref[-1] in "/." or ref == "@" or ref.startswith("refs/"):
        return False
    return not any(part.startswith(".") or part.endswith(".lock") for part in ref.split("/"))


def is_commit_id(ref: str) -> bool:
    """Whether `ref` may be the id of a commit, whole or at least its first seven digits."""
    return bool(_COMMIT.match(ref))


def why_not_allowed(url: str, *, with_files: bool) -> str:
    """Empty if git may be given `url`; else the reason.

    `form` (not https://…, ssh://… or user@host:path), `password` (it has one: store a credential instead), `host`
    (this machine, or an address that only this machine's network answers), `file` (only where a setting allows it).
    """
    if not url or len(url) > URL_LIMIT or not url.isprintable() or " " in url:
        return "form"
    if "://" in url:
        return _why_not_url(url, with_files=with_files)
    if re.match(r"[A-Za-z0-9+.-]+::", url):  # a transport helper: ext::sh -c …
        return "form"
    match = _SCP_LIKE.match(url)
    if not match or (match["user"] and not _USER.match(match["user"])) or not _PATH.match(match["path"]):
        return "form"
    if match["path"].startswith("-"):
        return "form"
    return _why_not_host(match["host"])


def _why_not_url(url: str, *, with_files: bool) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "form"
    if parts.query or parts.fragment or not _PATH.match(parts.path):
        return "form"
    if parts.scheme == "file":
        if parts.netloc or not parts.path.startswith("/"):
            return "form"
        return "" if with_files else "file"
    if parts.scheme not in ("https", "ssh") or port == 0:
        return "form"
    if parts.password is not None or (parts.scheme == "https" and parts.username is not None):
        return "password"
    if parts.username is not None and not _USER.match(parts.username):
        return "form"
    return _why_not_host(parts.hostname or "")


def _why_not_host(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if not _HOST.match(host) or not is_host(host):
            return "form"
        return "host" if host.lower().rstrip(".") in ("localhost", "localhost.localdomain") else ""
    return "host" if _is_local(address) else ""


def named_host(url: str) -> str:
    """The host of an allowed address if it is a name, which may mean anything; else empty."""
    match = None if "://" in url else _SCP_LIKE.match(url)
    host = match["host"] if match else urlsplit(url).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.lower().rstrip(".")
    return ""


def is_local(address: str) -> bool:
    """Whether an IP address (a zone may follow it) is this machine's, or one that only its network answers."""
    return _is_local(ipaddress.ip_address(address.partition("%")[0]))


def _is_local(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_link_local or mapped.is_unspecified or mapped.is_multicast)


def without_login(text: str) -> str:
    """`text` with what stands before the `@` of any URL in it taken out."""
    return re.sub(r"(?<=://)[^/\s@]+@", "", text)
