"""What reaches the bot, and what it answers: plain values, so that it knows no transport."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from deploy_core.models import Person

Surface = Literal["web", "slack", "shell", "api", "webhook"]


@dataclass(frozen=True, slots=True)
class Invocation:
    """One line that a person typed somewhere.

    `room` is the room's slug ("" outside rooms); `default_app` and `apps` are the room's app names;
    `client_id` names the line for ever: the same id gets the same answer. `rooms` are those that the author may
    see. `bound_to` is the one place (`shop/production`) that a program's token was made for by whoever manages it.
    """

    text: str
    actor: Person
    surface: Surface = "web"
    room: str = ""
    default_app: str = ""
    apps: tuple[str, ...] = ()
    client_id: str = ""
    rooms: tuple[str, ...] = ()
    bound_to: str = ""


@dataclass(frozen=True, slots=True)
class Announce:
    """Show a deployment's live card in the room the line was typed in."""

    deployment_id: int


@dataclass(frozen=True, slots=True)
class Watch:
    """Tell this person about an app's environment (`""`: all of them)."""

    app: str
    environment: str = ""


@dataclass(frozen=True, slots=True)
class Unwatch:
    """Stop telling this person."""

    app: str
    environment: str = ""


@dataclass(frozen=True, slots=True)
class Mute:
    """Tell this person nothing about an app for a while."""

    app: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Proclaim:
    """Say something to everybody in the room the line was typed in, and in the rooms for announcements."""

    text: str


@dataclass(frozen=True, slots=True)
class OnCall:
    """These people (by id) are on call now, or no longer are: their pages learn of it."""

    people: tuple[int, ...]


Effect = Announce | Watch | Unwatch | Mute | Proclaim | OnCall


@dataclass(frozen=True, slots=True)
class Reply:
    """The bot's answer: a code with JSON parameters, never rendered text (`bot.phrases` has the words).

    `suggest` holds whole lines to click. `is_public`: the command's line is posted to the room and the
    answer under it; else only the author sees it. `is_error`: nothing was done, nothing is posted.
    """

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)
    suggest: tuple[str, ...] = ()
    is_public: bool = False
    is_error: bool = False
    deployment_id: int | None = None
    effects: tuple[Effect, ...] = ()
