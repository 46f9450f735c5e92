"""What a line means: the one grammar of the room, Slack and the shell (docs/commands.md). Pure and linear.

`parse` gives the command's parts, None for chat, and raises `Mistake` for a command that is not understood. It knows
every verb of the grammar; which of them are built is the registry's business.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from . import verbs
from .meant import tidied
from .mistakes import Mistake, printable
from .names import Context
from .normalise import first_line, normalise
from .sentence import Sentence
from .suggest import distance, near
from .syntax import SYNTAX
from .targets import PREPOSITIONS
from .verbs import BY_WORD, CLASSIC, Verb
from .words import Word

_VERB = re.compile(r"([A-Za-z][A-Za-z-]*)(?::([A-Za-z0-9][A-Za-z0-9._-]{0,62}))?(!)?")
_ADDRESSED = re.compile("(?:@(?:chatops|shiproom|hubot)|hubot)(?:[:,]? +|[\uff0c\uff1a] *)/?(?=[^ /])", re.IGNORECASE)
#: A mention that Slack sent without its name.
_MENTIONED = re.compile(r"@[UW][A-Z0-9]{2,20}[:,]? +(?=[^ ])")
#: What input methods put where a slash was meant.
_LIKE_SLASH = "\uff0f\u3001"
#: Heaven's `deploy:lock app to env`.
_TASK_VERBS = ("lock", "unlock")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A command's parts, in canonical names; empty is absent. A trailing underscore keeps off Python's keywords."""

    cmd: str
    task: str = ""
    force: bool = False
    app: str = ""
    ref: str = ""
    env: str = ""
    hosts: tuple[str, ...] = ()
    params: str = ""
    otp: str = ""
    reason: str = ""
    when: str = ""
    since: str = ""
    for_: str = ""
    until: str = ""
    from_: str = ""
    id: int | None = None
    scope: str = ""
    release: str = ""
    limit: int = 0
    tail: int = 0
    grep: str = ""
    follow: bool = False
    only: str = ""
    pattern: str = ""
    text: str = ""
    name: str = ""
    line: str = ""
    topic: str = ""
    action: str = ""
    severity: str = ""
    queue: bool = False

    def as_json(self) -> dict[str, Any]:
        """The shape of tests/cases/phrases.tsv: only what is there."""
        found: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if value not in ("", False, (), None, 0) or (f.name == "id" and value == 0):
                found[f.name.rstrip("_")] = list(value) if isinstance(value, tuple) else value
        return found


@dataclass(frozen=True, slots=True)
class Heard:
    """A normalised line that is a command: `line[start:]` is its body, the verb first. `is_implied`: app first."""

    line: str
    start: int
    rest: str = ""
    is_implied: bool = False


def hear(text: str, surface: str = "web", is_app: Callable[[str], bool] = lambda word: False) -> Heard | None:
    """Whether a line is a command, and where it begins; None is chat, which nothing runs. Needs no database on the web.

    Raises:
        Mistake: `unknown_command`: it was meant as one, but there is no such verb.
    """
    first, rest = first_line(text)
    if surface == "slack":
        return _hear_slack(normalise(first, is_slack=True), rest, is_app)
    line = normalise(first)
    word = line.partition(" ")[0]
    if line.startswith("/"):
        if "/" in word[1:] or not word[1:2].isalnum():
            return None
        _known(line, 1)
        return Heard(line, 1, rest)
    if line[:1] in (".", "!"):
        return Heard(line, 1, rest) if "/" not in word and _is_meant(line, 1) else None
    if line[:1] and line[0] in _LIKE_SLASH and _verb_at(line, 1):
        meant = word[1:].lower()
        raise Mistake(
            "unknown_command", span=(0, len(word)), near=[meant], given=printable(word), problem="slash_meant"
        )
    addressed = _ADDRESSED.match(line)
    if addressed and _is_meant(line, addressed.end()):
        return Heard(line, addressed.end(), rest)
    return None


def _hear_slack(line: str, rest: str, is_app: Callable[[str], bool]) -> Heard:
    addressed = _ADDRESSED.match(line)
    if addressed and not line.startswith("@") and not _verb_at(line, addressed.end()):
        addressed = None  # an app may be called hubot
    addressed = addressed or _MENTIONED.match(line)
    start = addressed.end() if addressed else int(line.startswith("/"))
    if not line[start:]:
        return Heard("deploy", 0, rest)
    if not _verb_at(line, start):
        word = line[start : _end_of_word(line, start)]
        if word.lower() in PREPOSITIONS or is_app(word.rstrip("!")):
            return Heard(line, start, rest, is_implied=True)
        _known(line, start)
    return Heard(line, start, rest)


def _verb_at(line: str, start: int) -> Verb | None:
    match = _VERB.fullmatch(line, start, _end_of_word(line, start))
    verb = BY_WORD.get(match[1].lower()) if match else None
    if not match or not verb or (match[2] and verb.name != "deploy") or (match[3] and not verb.takes_force):
        return None
    return verb


def _known(line: str, start: int) -> Verb:
    verb = _verb_at(line, start)
    if verb:
        return verb
    end = _end_of_word(line, start)
    word = line[start:end]
    bare = word.rstrip("!:")
    meant = [bare.lower()] if bare.lower() in BY_WORD else near(bare, BY_WORD)
    raise Mistake("unknown_command", span=(start, end), near=meant, given=printable(word))


def _is_meant(line: str, start: int) -> bool:
    """Whether a word that may be prose is a verb, or a slip of a classic one (which is refused with the right word)."""
    if _verb_at(line, start):
        return True
    typed = line[start : _end_of_word(line, start)].lower()
    limit = 1 if len(typed) < 6 else 2
    slips = [c for c in CLASSIC if len(typed) < 64 and distance(typed, c, limit) <= limit]
    slips = slips or [c for c in CLASSIC if re.match(rf"{c}[-_\d!:]", typed)]
    if slips:
        best = min(slips, key=lambda c: distance(typed, c, 63))
        raise Mistake("unknown_command", span=(start, start + len(typed)), near=[best], given=printable(typed))
    return False


def _end_of_word(line: str, start: int) -> int:
    end = line.find(" ", start)
    return len(line) if end < 0 else end


def parse(text: str, context: Context, *, surface: str = "web", room: str = "") -> Parsed | None:
    """The command in `text`, or None when it is chat.

    Raises:
        Mistake: it is a command, but not one that can be understood; `suggest` holds lines that can be.
    """
    heard: Heard | None = None
    try:
        heard = hear(text, surface, lambda word: _names_app(word, context))
        if heard is None:
            return None
        if heard.rest:
            raise Mistake("syntax", at=printable(heard.rest.split(maxsplit=1)[0]), problem="one_line")
        return _parse_body(heard, context, context.rooms.get(room) or "")
    except Mistake as mistake:
        line = heard.line if heard else normalise(first_line(text)[0], is_slack=surface == "slack")
        start = heard.start if heard else (mistake.span or (0, 0))[0]
        lines = _corrected(line, start, mistake, surface)
        mistake.suggest = lines or _tidied(line, start, context, surface, room)
        raise


def _names_app(word: str, context: Context) -> bool:
    app, rest = context.repo(word)
    if app:
        return not rest or rest[0] in "/@"
    return bool(context.app(re.split("[/@]", word, maxsplit=1)[0]))


def _parse_body(heard: Heard, context: Context, default_app: str) -> Parsed:
    line, start = heard.line, heard.start
    if heard.is_implied:
        verb, spelling, task, force, start = BY_WORD["deploy"], "deploy", "", False, start
    else:
        verb, spelling, task, force, start = _take_verb(line, start)
        if verb.name == "deploy" and not task and not force and start < len(line) and _verb_at(line, start):
            verb, spelling, task, force, start = _take_verb(line, start)
    if task.lower() in _TASK_VERBS:
        verb, task = BY_WORD[task.lower()], ""
    sentence = Sentence(line, start, verb, spelling, context, default_app)
    sentence.fields["cmd"] = verb.name
    if _asks_for_help(line, start):
        return Parsed(cmd="help", topic=verb.name)
    if force:
        sentence.fields["force"] = True
    try:
        SYNTAX[verb.name](sentence)
    except Mistake as mistake:
        mistake.understood = dict(sentence.fields)
        raise
    found = {_FIELD.get(name, name): value for name, value in sentence.fields.items()}
    return Parsed(**{"task": task.lower(), **found})


_FIELD = {"for": "for_", "from": "from_"}


def _asks_for_help(line: str, start: int) -> bool:
    return line[start : _end_of_word(line, start)].lower() in ("--help", "-h")


def _take_verb(line: str, start: int) -> tuple[Verb, str, str, bool, int]:
    end = _end_of_word(line, start)
    match = _VERB.fullmatch(line, start, end)
    if not match:
        raise Mistake("unknown_command", span=(start, end), near=[], given=printable(line[start:end]))
    spelling = match[1].lower()
    return BY_WORD[spelling], spelling, match[2] or "", bool(match[3]), min(end + 1, len(line))


def _corrected(line: str, start: int, mistake: Mistake, surface: str) -> tuple[str, ...]:
    """Whole lines that were probably meant, ready to be clicked."""
    if mistake.instead:
        return (clickable(mistake.instead, surface),)
    names = mistake.near or mistake.params.get("candidates") or ()
    if not mistake.span or not isinstance(names, list):
        return ()
    a, b = mistake.span
    word = line[a:b]
    joined = "" if mistake.code == "unknown_command" else word[len(re.split("[/@]", word, maxsplit=1)[0]) :]
    before, after = line[start:a], joined + line[b:]
    return tuple(clickable(before + name + after, surface) for name in names)


def _tidied(line: str, start: int, context: Context, surface: str, room: str) -> tuple[str, ...]:
    """The first of the plainer forms of a line that would be understood."""
    for body in tidied(line[start:]):
        try:
            heard = Heard(body, 0)
            _known(body, 0)
            _parse_body(heard, context, context.rooms.get(room) or "")
        except Mistake:
            continue
        return (clickable(body, surface),)
    return ()


def clickable(body: str, surface: str) -> str:
    """A command's body as it is typed on a surface."""
    body = body.strip()
    if surface == "slack":
        return f"/deploy {body.removeprefix('deploy ')}"
    return f"/{body}"


#: Every spelling that may not be the name of an app or an alias.
RESERVED = frozenset(verbs.BY_WORD)
__all__ = ["RESERVED", "Context", "Heard", "Mistake", "Parsed", "Word", "clickable", "hear", "parse"]
