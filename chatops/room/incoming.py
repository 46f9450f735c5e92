"""What a client sent, looked at field by field: anything may come, and only what is asked for is believed."""

import json
import re
from typing import Any, TypeGuard

from chatops.room.models import Stream

#: The largest number that every database keeps.
MOST = 2**63 - 1
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,64}")
_RID_LENGTH = 64


class Unfit(Exception):
    """A frame that is not answered as it wishes: `code` of docs/room-protocol.md, and what to tell with it."""

    def __init__(self, code: str, **fields: Any) -> None:
        self.code = code
        self.fields = fields
        super().__init__(code)


class Incoming:
    """One frame. Each getter raises `Unfit` with `bad_frame` and the field's name when the field is not that."""

    def __init__(self, frame: dict[str, Any]) -> None:
        self._frame = frame

    @classmethod
    def parse(cls, text: str) -> "Incoming":
        """
        Raises:
            Unfit: `bad_frame`: not JSON, nested too deep, or no object.
        """
        try:
            frame = json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise Unfit("bad_frame") from error
        if not isinstance(frame, dict):
            raise Unfit("bad_frame")
        return cls(frame)

    @property
    def t(self) -> str:
        return self.text("t")

    @property
    def answers_to(self) -> dict[str, Any]:
        """`rid` and `cid` as they came, where they are fit to be sent back."""
        found = {}
        for name in ("rid", "cid"):
            value = self._frame.get(name)
            if (isinstance(value, str) and len(value) <= _RID_LENGTH and value.isprintable()) or _is_number(value):
                found[name] = value
        return found

    def text(self, name: str) -> str:
        value = self._frame.get(name)
        if not isinstance(value, str):
            raise Unfit("bad_frame", field=name)
        return value

    def client_id(self) -> str:
        value = self.text("cid")
        if not _CLIENT_ID.fullmatch(value):
            raise Unfit("bad_frame", field="cid")
        return value

    def number(self, name: str, default: int | None = None) -> int:
        """A whole number from 0 on."""
        value = self._frame.get(name, default)
        if not _is_number(value):
            raise Unfit("bad_frame", field=name)
        return value

    def has(self, name: str) -> bool:
        return self._frame.get(name) is not None

    def flag(self, name: str, default: bool | None = None) -> bool:
        value = self._frame.get(name, default)
        if not isinstance(value, bool):
            raise Unfit("bad_frame", field=name)
        return value

    def stream(self) -> Stream:
        """
        Raises:
            Unfit: `not_found`: no stream has such a name.
        """
        stream = Stream.parse(self.text("s"))
        if stream is None:
            raise Unfit("not_found")
        return stream

    def streams(self, name: str, most: int) -> list[Stream]:
        """A list of names of streams, at most `most`; those that name none are left out."""
        return [stream for value in self.list(name, most) if (stream := Stream.parse(value))]

    def cursors(self, name: str, most: int) -> dict[Stream, tuple[str, int]]:
        """A list of `{s, e, q}`: the epoch and number up to which each stream is known."""
        found = {}
        for value in self.list(name, most):
            cursor = Incoming(value) if isinstance(value, dict) else None
            if cursor and (stream := Stream.parse(cursor._frame.get("s"))):
                found[stream] = (cursor.text("e"), cursor.number("q"))
        return found

    def list(self, name: str, most: int) -> list[Any]:
        """At most `most` of anything."""
        value = self._frame.get(name, [])
        if not isinstance(value, list) or len(value) > most:
            raise Unfit("bad_frame", field=name)
        return value


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
