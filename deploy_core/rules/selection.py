"""Which paths of a tree are packed: the patterns of deploy.yml's `package`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Selection:
    """`*` stays in one folder, `**` does not; a pattern that names a folder names all that is in it."""

    _included: re.Pattern[bytes]
    _excluded: re.Pattern[bytes]

    def includes(self, path: bytes) -> bool:
        """Whether `path`, or a folder above it, is named by `include`."""
        return bool(self._included.fullmatch(path))

    def excludes(self, path: bytes) -> bool:
        """Whether `path`, or a folder above it, is named by `exclude`."""
        return bool(self._excluded.fullmatch(path))


def selection(include: Iterable[str] = ("**",), exclude: Iterable[str] = ()) -> Selection:
    return Selection(_compiled(include), _compiled(exclude))


def _compiled(patterns: Iterable[str]) -> re.Pattern[bytes]:
    """One expression for all patterns; of none, one that nothing matches."""
    parts = [_translated(pattern.strip("/")) for pattern in patterns if pattern.strip("/")]
    text = f"(?:{'|'.join(parts)})(?:/.*)?" if parts else "(?!)"
    return re.compile(text.encode("utf-8", "surrogateescape"), re.DOTALL)


def _translated(pattern: str) -> str:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(meaning.get(part) or re.escape(part) for part in parts)
