"""YAML into plain text and mappings, and typed reading of them with errors that name the path.

Every scalar stays the text that was written: `on` is a word, `1.10` keeps its nought, and no tag makes an object.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import PurePosixPath
from typing import Any, NoReturn

import yaml

from deploy_core.errors import PipelineError

Raw = dict[str, Any]

DEPTH_LIMIT = 12
NODE_LIMIT = 5_000
DAY_S = 86_400

_NOTHING = ("", "~", "null")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_NUMBER = re.compile(r"\d{1,9}\Z")
_SECONDS = re.compile(r"\d{1,6}(\.\d{1,3})?\Z")
_SHARE = re.compile(r"(\d{1,6})(%?)\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def read(text: str) -> Raw:
    """The mapping at the top of a YAML text, all scalars as text; an empty text is an empty mapping.

    Raises:
        PipelineError: not YAML, or with tags, a key twice, more than one document, or nested or aliased beyond sense.
    """
    try:
        _check_shape(text)
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        line = getattr(error.problem_mark or error.context_mark, "line", 0) + 1
        _unreadable(line, error.problem or "not YAML")
    except yaml.YAMLError as error:  # a character that YAML forbids
        _unreadable(1, str(error).splitlines()[0])
    if node is None:
        return {}
    raw = _plain(node, (), count())
    if not isinstance(raw, dict):
        if raw in _NOTHING:
            return {}
        _unreadable(1, "expected keys with values")
    return raw


def _unreadable(line: int, problem: str) -> NoReturn:
    raise PipelineError("pipeline_unreadable", line=line, problem=problem) from None


def _check_shape(text: str) -> None:
    """Look at the events alone: they need no memory that grows with depth, so nothing is built of a hostile file."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        line = getattr(event.start_mark, "line", 0) + 1
        if isinstance(event, yaml.events.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.events.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.events.DocumentStartEvent):
            documents += 1
        tag = getattr(event, "tag", None)
        if tag:
            _unreadable(line, f"tags such as {tag} are not allowed")
        if depth > DEPTH_LIMIT:
            _unreadable(line, f"nested more than {DEPTH_LIMIT} deep")
        if documents > 1:
            _unreadable(line, "more than one document")


def _plain(node: yaml.Node, above: tuple[yaml.Node, ...], nodes: Iterator[int]) -> Any:
    """Text, lists and dicts. An alias is what it names once more, so `nodes` counts what really is there."""
    line = node.start_mark.line + 1
    if node in above:
        _unreadable(line, "an alias to what it is in")
    if next(nodes) > NODE_LIMIT:
        _unreadable(line, f"more than {NODE_LIMIT:,} values")
    inside = (*above, node)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, inside, nodes) for item in node.value]
    if not isinstance(node, yaml.MappingNode):
        return node.value
    found: Raw = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            _unreadable(line, "a key that is not a word")
        if key.value in found:
            _unreadable(line, f"the key {key.value} is there twice")
        found[key.value] = _plain(value, inside, nodes)
    return found


def _merge(common: Raw, own: Raw) -> Raw:
    """`common` with what `own` says on top: mappings key by key, anything else replaced."""
    merged = dict(common)
    for key, value in own.items():
        before = merged.get(key)
        merged[key] = _merge(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged


class Section:
    """One mapping of the file and the path to it. Taking a key reads and checks it; `refuse_rest` finds strangers."""

    def __init__(self, raw: Raw, path: str, *, is_there: bool = True) -> None:
        self._raw = raw
        self._path = path
        self._is_there = is_there
        self._taken: list[str] = []

    def __bool__(self) -> bool:
        """Whether the file has this section at all."""
        return self._is_there

    def names(self) -> Iterator[str]:
        """All keys, where any is allowed."""
        return iter(tuple(self._raw))

    def merged(self, own: "Section") -> "Section":
        """What is not taken of this section with `own` on top, at the path of `own`."""
        common = {key: value for key, value in self._raw.items() if key not in self._taken}
        return Section(_merge(common, own._raw), own._path)

    def take_section(self, key: str, *, required: bool = False) -> "Section":
        raw = self._take(key)
        if raw is None:
            if required:
                self.wrong(key, "keys with values", None)
            return Section({}, self.at(key), is_there=False)
        if not isinstance(raw, dict):
            self.wrong(key, "keys with values", raw)
        return Section(raw, self.at(key))

    def take_text(self, key: str, default: str | None = None) -> str:
        raw = self._take(key)
        if raw is None and default is not None:
            return default
        return self._text(key, raw, "text")

    def take_commands(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        found = self._texts(key, "a list of commands")
        if required and not found:
            self.wrong(key, "a list of commands", None)
        return found

    def take_paths(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        found = self._texts(key, "a list of paths")
        for number, path in enumerate(found):
            pure = PurePosixPath(path)
            if pure.is_absolute() or ".." in pure.parts or not pure.parts:
                self.wrong(f"{key}.{number}", "a path below the top of the repository", path)
        return found or default

    def take_choice(self, key: str, choices: tuple[Any, ...]) -> Any:
        """One of these words, the first of them when the key is not there."""
        raw = self._take(key)
        if raw is None:
            return choices[0]
        if raw not in choices:
            self.wrong(key, f"one of {', '.join(choices)}", raw)
        return raw

    def take_number(self, key: str, *, default: int, least: int, most: int) -> int:
        raw = self._take(key)
        if raw is None:
            return default
        if not isinstance(raw, str) or not _NUMBER.match(raw) or not least <= int(raw) <= most:
            self.wrong(key, f"a whole number from {least} to {most}", raw)
        return int(raw)

    def take_seconds(self, key: str, default: float, *, least: float = 0.05) -> float:
        raw = self._take(key)
        if raw is None:
            return default
        if not isinstance(raw, str) or not _SECONDS.match(raw) or not least <= float(raw) <= DAY_S:
            self.wrong(key, f"seconds, from {least:g} to {DAY_S}", raw)
        return float(raw)

    def take_share(self, key: str, *, default: tuple[int, bool]) -> tuple[int, bool]:
        """A number of servers or a share of them, as (number, is percent)."""
        raw = self._take(key)
        if raw is None:
            return default
        found = _SHARE.match(raw) if isinstance(raw, str) else None
        if not found or int(found[1]) < 1 or (found[2] and int(found[1]) > 100):
            self.wrong(key, "a number of servers from 1, or a share such as 25%", raw)
        return int(found[1]), bool(found[2])

    def take_port(self, key: str) -> int | str:
        raw = self._take(key)
        if isinstance(raw, str):
            if _VARIABLE.match(raw):
                return raw
            if _NUMBER.match(raw) and 1 <= int(raw) <= 65_535:
                return int(raw)
        self.wrong(key, "a port from 1 to 65535, or the name of a variable", raw)

    def take_url_path(self, key: str, default: str) -> str:
        raw = self._take(key)
        if raw is None:
            return default
        if not isinstance(raw, str) or not raw.startswith("/") or re.search(r"[^\x21-\x7e]", raw):
            self.wrong(key, "text starting with /", raw)
        return raw

    def take_variable(self, key: str) -> str:
        if not _VARIABLE.match(key):
            self.wrong(key, "a name of letters, digits and underscores", key)
        raw = self._take(key, nothing=())
        return raw if raw == "" else self._text(key, raw, "text")

    def refuse_rest(self) -> None:
        """
        Raises:
            PipelineError: a key that nobody took, with the one that was perhaps meant.
        """
        for key in self._raw:
            if key not in self._taken:
                near = difflib.get_close_matches(key, self._taken, n=1)
                raise PipelineError(
                    "pipeline_unknown_key",
                    path=self.at(key),
                    near=near[0] if near else "",
                    known=sorted(self._taken),
                )

    def at(self, key: str) -> str:
        return ".".join(part for part in (self._path, key) if part)

    def wrong(self, key: str, expected: str, got: object) -> NoReturn:
        raise PipelineError("pipeline_wrong", path=self.at(key), expected=expected, got=_shown(got))

    def _take(self, key: str, nothing: tuple[str, ...] = _NOTHING) -> Any:
        self._taken.append(key)
        raw = self._raw.get(key)
        return None if isinstance(raw, str) and raw in nothing else raw

    def _text(self, key: str, raw: object, expected: str) -> str:
        if not isinstance(raw, str) or _CONTROL.search(raw):
            self.wrong(key, expected, raw)
        return raw

    def _texts(self, key: str, expected: str) -> tuple[str, ...]:
        raw = self._take(key)
        if raw is None:
            return ()
        if not isinstance(raw, list):
            self.wrong(key, expected, raw)
        for number, item in enumerate(raw):
            if not isinstance(item, str) or not item.strip():
                self.wrong(f"{key}.{number}", "text", item)
        return tuple(self._text(f"{key}.{number}", item, "text") for number, item in enumerate(raw))


def _shown(got: object) -> str:
    if got is None:
        return "nothing"
    if isinstance(got, Mapping):
        return "keys with values"
    if isinstance(got, list):
        return "a list"
    text = str(got)
    return text if len(text) <= 60 else text[:59] + "…"
