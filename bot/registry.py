"""The commands that are built: one declaration each, from which help, completion, rights and docs are checked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from deploy_core.rules.grants import Action

from .invocation import Reply, Surface
from .verbs import ALL, BY_WORD, Verb

if TYPE_CHECKING:
    from .order import Order

Kind = Literal[
    "app",
    "ref",
    "environment",
    "deployment",
    "release",
    "pattern",
    "command",
    "count",
    "app_or_environment",
    "text",
    "person",
    "server",
    "alias",
]
EVERYWHERE: tuple[Surface, ...] = ("web", "slack", "shell", "api", "webhook")


@dataclass(frozen=True, slots=True)
class Argument:
    """One part of a command: what completes it, the phrase `part.<part>` that names it, and its preposition, if any."""

    kind: Kind
    part: str
    is_required: bool = False
    after: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """A verb with what runs it. Its words are the phrases `usage.<verb>` and `help.<verb>`.

    `permission` is asked for the app and environment of the line before anything runs.
    """

    verb: Verb
    run: Callable[["Order"], Reply]
    arguments: tuple[Argument, ...]
    permission: Action
    surfaces: tuple[Surface, ...]
    example: str

    @property
    def name(self) -> str:
        return self.verb.name


COMMANDS: dict[str, Command] = {}


def in_order(surface: Surface) -> list[Command]:
    """The commands that may be run from `surface`, in the grammar's order: that of help."""
    built = [COMMANDS[verb.name] for verb in ALL if verb.name in COMMANDS]
    return [each for each in built if surface in each.surfaces]


def command(
    name: str,
    *arguments: Argument,
    permission: Action = "view",
    surfaces: tuple[Surface, ...] = EVERYWHERE,
    example: str,
) -> Callable[[Callable[["Order"], Reply]], Callable[["Order"], Reply]]:
    """Register a function as what runs the verb `name` of the grammar."""

    def register(run: Callable[["Order"], Reply]) -> Callable[["Order"], Reply]:
        COMMANDS[name] = Command(BY_WORD[name], run, arguments, permission, surfaces, example)
        return run

    return register
