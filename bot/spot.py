"""What stands at the caret of a command that is being typed: which part, and how it begins. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .names import Context
from .registry import Argument, Command, Kind
from .targets import PREPOSITIONS
from .verbs import BY_WORD

_BEGIN = re.compile(r"/(?=[^/ ]|\Z)|[.!](?=[A-Za-z])|(?:@(?:chatops|shiproom|hubot)|hubot)[:,]? +/?", re.IGNORECASE)
_WORD = re.compile(r"\S+")
#: Words that name the part behind them.
_KEYWORDS = {**dict.fromkeys(PREPOSITIONS, "environment"), "last": "count"}


@dataclass(frozen=True, slots=True)
class Spot:
    """`text[start:end]` is the part to complete, `typed` what of it stands before the caret.

    `index` is the argument's place in the command (None: the verb itself). `needs` is a preposition that is not there
    yet; `app`, `ref` and `environment` are what the words before name.
    """

    kind: Kind | None
    typed: str
    start: int
    end: int
    command: Command | None = None
    index: int | None = None
    needs: str = ""
    app: str = ""
    environment: str = ""
    takes_ref: bool = False


def at(text: str, caret: int, context: Context, default_app: str, commands: Mapping[str, Command]) -> Spot | None:
    """The spot at `caret`; None in chat, on another line, or behind a command that is not built."""
    caret = max(0, min(caret, len(text)))
    begin = _BEGIN.match(text)
    if not begin or caret < begin.end() or "\n" in text[:caret]:
        return None
    start = max(text.rfind(" ", 0, caret) + 1, begin.end())
    end = _end_of_word(text, caret)
    typed = text[start:caret]
    before = [word.lower() for word in _WORD.findall(text[begin.end() : start])]
    if not before:
        return Spot("command", typed, start, end)
    verb = BY_WORD.get(before[0].rstrip("!"))
    command = commands.get(verb.name) if verb else None
    return _argument(command, before[1:], typed, start, end, context, default_app) if command else None


def _end_of_word(text: str, caret: int) -> int:
    match = _WORD.match(text, caret)
    return match.end() if match else caret


def _argument(
    command: Command, before: list[str], typed: str, start: int, end: int, context: Context, default_app: str
) -> Spot:
    """Walk the words before the caret along the command's arguments, to the one that comes next."""
    app, environment, index, pending = default_app, "", 0, ""
    has_ref = False
    arguments = command.arguments
    for word in before:
        if pending or word not in _KEYWORDS:
            kind = pending or (arguments[index].kind if index < len(arguments) else "")
            name = context.app(re.split("[/@]", word, maxsplit=1)[0])
            if kind == "app" and (name or not default_app):
                app, has_ref = name, bool(re.search("[/@]", word))
                index = _after(arguments, index)
            elif context.env(word):
                environment = context.env(word)
                index = max(index, _after(arguments, _of_kind(arguments, "environment", index)))
            elif kind == "app" or (index == 1 and not has_ref):
                has_ref = True
                index = max(index, 1)
            else:
                index = _after(arguments, index)
            pending = ""
        else:
            pending = _KEYWORDS[word]
    if pending:
        index = _of_kind(arguments, pending, index)
    if index >= len(arguments):
        return Spot(None, typed, start, end, command)
    argument = arguments[index]
    if argument.kind == "app" and (joined := re.search("[/@]", typed)) and argument.part in ("app_ref", "app_branch"):
        app = context.app(typed[: joined.start()])
        cut = joined.end()
        return Spot("ref", typed[cut:], start + cut, end, command, index, app=app)
    name, slash, hosts = typed.partition("/")
    if argument.kind == "environment" and slash and context.env(name):
        cut = typed.rfind(",") + 1 if "," in hosts else len(name) + 1
        return Spot("server", typed[cut:], start + cut, end, command, index, app=app, environment=context.env(name))
    return Spot(
        argument.kind,
        typed,
        start,
        end,
        command,
        index,
        needs="" if pending else argument.after,
        app=app,
        environment=environment,
        takes_ref=command.name == "deploy" and index == 1 and not has_ref and not pending,
    )


def _after(arguments: tuple[Argument, ...], index: int) -> int:
    return min(index + 1, len(arguments))


def _of_kind(arguments: tuple[Argument, ...], kind: str, default: int) -> int:
    return next((i for i, argument in enumerate(arguments) if argument.kind == kind), default)
