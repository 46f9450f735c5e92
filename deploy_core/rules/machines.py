"""What a server's network name and the login's name there may look like. Pure: nothing is looked up."""

import ipaddress
import re
from collections.abc import Collection

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\Z")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,62}\Z")
_NUMBER_AT_END = re.compile(r"(?P<stem>.*?)(?P<number>[0-9]{1,6})\Z")


def is_host(text: str) -> bool:
    """Whether `text` is a host name or an address: no option, no scheme, no zone, nothing that a shell reads."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        labels = text.removesuffix(".").split(".")
        return len(text) <= 253 and all(_LABEL.match(label) for label in labels)
    return "%" not in text


def is_user(text: str) -> bool:
    """Whether `text` may be the name of a login."""
    return bool(_USER.match(text))


def free_names(taken: Collection[str], wanted: str, count: int = 2) -> list[str]:
    """Names like `wanted` that nobody has: `web-08` is taken, `web-10` and `web-11` are not."""
    found = _NUMBER_AT_END.match(wanted)
    stem, digits = (found["stem"], found["number"]) if found else (f"{wanted}-", "1")
    free: list[str] = []
    number = int(digits)
    while len(free) < count:
        number += 1
        name = f"{stem}{number:0{len(digits)}d}"
        if name not in taken:
            free.append(name)
    return free
