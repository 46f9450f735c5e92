"""How a delivery proves who sent it. Pure."""

import hashlib
import hmac


def github(secret: bytes, body: bytes) -> str:
    """What GitHub puts into `X-Hub-Signature-256`."""
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def ours(secret: bytes, body: bytes, at: int) -> str:
    """What we put into `X-Shiproom-Signature` of a delivery sent at `at` (seconds since 1970): the time is signed too,
    so that a receiver can turn away old ones.
    """
    signed = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"


def is_same(expected: str, given: str) -> bool:
    """Whether two texts are equal, in a time that says nothing about where they differ."""
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))
