"""What things look like, for templates: a status is a tone, an icon and a word; a person is a hue and a letter.

`static/js/status.js` and `static/js/people.js` mirror these tables; tests/room/test_looks.py compares them.
"""

import html
import re
from typing import Any, NamedTuple

from django import template
from django.conf import settings
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from bot import phrases
from deploy_core.rules.grants import EVERYWHERE
from deploy_core.safety import access

register = template.Library()


class Look(NamedTuple):
    """How a status is drawn: `tone` is the class `is-<tone>`, `icon` a name of the sprite."""

    tone: str
    icon: str
    word: Promise


STATUSES: dict[str, Look] = {
    # of deployments
    "planning": Look("run", "running", _("Planning")),
    "awaiting_confirmation": Look("wait", "approval", _("Needs confirmation")),
    "awaiting_approval": Look("wait", "approval", _("Needs approval")),
    "scheduled": Look("mute", "waiting", _("Scheduled")),
    "queued": Look("mute", "waiting", _("Queued")),
    "running": Look("run", "running", _("Running")),
    "paused": Look("wait", "pause", _("Paused")),
    "verifying": Look("run", "eye", _("Watching")),
    "cancelling": Look("run", "running", _("Stopping")),
    "rolling_back": Look("run", "rollback", _("Rolling back")),
    "succeeded": Look("ok", "check", _("Done")),
    "failed": Look("bad", "cross", _("Failed")),
    "cancelled": Look("mute", "slash", _("Stopped")),
    "rejected": Look("mute", "cross", _("Rejected")),
    "expired": Look("mute", "timeout", _("Expired")),
    "rolled_back": Look("bad", "rollback", _("Rolled back")),
    # of steps, where they differ
    "pending": Look("mute", "waiting", _("Waiting")),
    "skipped": Look("mute", "skip", _("Skipped")),
    "timed_out": Look("bad", "timeout", _("Timed out")),
    "lost": Look("wait", "lost", _("No report")),
}
STEPS: dict[str, Promise] = {
    "start": pgettext_lazy("step", "Start"),
    "fetch": pgettext_lazy("step", "Fetch"),
    "build": pgettext_lazy("step", "Build"),
    "package": pgettext_lazy("step", "Package"),
    "stage": pgettext_lazy("step", "Upload"),
    "switch": pgettext_lazy("step", "Switch"),
    "restart": pgettext_lazy("step", "Restart"),
    "health": pgettext_lazy("step", "Health check"),
    "back": pgettext_lazy("step", "Switch back"),
    "task": pgettext_lazy("step", "Task"),
}
UNKNOWN = Look("mute", "info", _("Unknown"))
HUES = 12


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """An icon of the sprite; `extra` is one more class."""
    classes = f"icon {extra}".strip()
    return format_html('<svg class="{}" aria-hidden="true"><use href="#i-{}"/></svg>', classes, name)


@register.simple_tag
def statuses() -> list[tuple[str, Look]]:
    """Every status with its look, for the page's word list."""
    return list(STATUSES.items())


@register.simple_tag
def step_names() -> list[tuple[str, Promise]]:
    """Every kind of step with its name."""
    return list(STEPS.items())


@register.filter
def look(status: str) -> Look:
    """The look of a status; one from a newer version looks unknown, not broken."""
    return STATUSES.get(str(status), UNKNOWN)


@register.filter
def look_tone(status: str) -> str:
    """The tone of a status, for a class `is-<tone>`."""
    return look(status).tone


@register.filter
def look_word(status: str) -> str:
    """The word of a status."""
    return str(look(status).word)


@register.filter
def role_word(role: str) -> str:
    """What a role is called."""
    return phrases.render(f"role.{role}", {})


@register.filter
def kind_word(kind: str) -> str:
    """What a kind of deployment is called."""
    return phrases.render(f"word.{kind}", {})


@register.filter
def step_name(kind: str) -> str:
    """What a kind of step is called."""
    return str(STEPS.get(str(kind), kind))


@register.filter
def hue(name: str) -> int:
    """Which of the twelve pale grounds a person's letter stands on: always the same for the same name."""
    number = 0
    for letter in str(name):
        number = (number * 15 + ord(letter)) % 1019
    return number % HUES


@register.filter
def initial(name: str) -> str:
    """A person's letter."""
    return str(name)[:1].upper()


@register.filter
def short(revision: str) -> str:
    """A revision as people write it."""
    return str(revision)[:7]


@register.filter
def took(seconds: float | str | None) -> str:
    """A duration as it stands in a table: `3.2 s`, `48 s`, `1:52`, `1:02:03`. `static/js/time.js` has the same."""
    if seconds is None or isinstance(seconds, str):  # "": a template without a step
        return ""
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


@register.simple_tag
def language_tag() -> str:
    """The page's language as HTML writes it: `zh-Hans`, not Django's `zh-hans`."""
    language, _dash, script = (get_language() or settings.LANGUAGE_CODE).partition("-")
    return f"{language}-{script.capitalize()}" if script else language


@register.simple_tag(takes_context=True)
def theme(context: dict[str, Any]) -> str:
    """`light` or `dark` when the reader chose one, else ``: the system decides."""
    request = context.get("request")
    chosen = request.COOKIES.get("theme", "") if request is not None else ""
    return chosen if chosen in {"light", "dark"} else ""


@register.simple_tag(takes_context=True)
def manages_all(context: dict[str, Any]) -> bool:
    """Whether the reader manages everything, and so sees the pages of trust."""
    person = getattr(context.get("request"), "user", None)
    return person is not None and person.is_authenticated and access.can(person, "manage", EVERYWHERE, EVERYWHERE)


@register.simple_tag
def gojs_url() -> str:
    """Where the status graph's library is, "" when `manage.py assets` has not fetched it."""
    try:
        return static("vendor/go.js") if finders.find("vendor/go.js") else ""
    except ValueError:  # the manifest was made before the file came
        return ""


@register.simple_tag
def gojs_key() -> str:
    """The key that removes the library's evaluation mark."""
    return str(settings.GOJS_LICENSE_KEY)


_SGR = re.compile(r"\x1b\[([0-9;:]*)m")
_OTHER_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-ln-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|.)?"
)
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@register.filter
def ansi(text: str) -> SafeString:
    """A log line with the program's colours as spans; every other escape is dropped. Mirrors `static/js/ansi.js`."""
    line = text.rstrip("\r").rsplit("\r", 1)[-1]
    runs: list[tuple[str, str]] = []
    style: set[str] = set()
    at = 0
    for match in _SGR.finditer(line):
        runs.append((_classes(style), line[at : match.start()]))
        _restyle(style, match[1])
        at = match.end()
    runs.append((_classes(style), line[at:]))
    return format_html_join("", "{}", ((_span(classes, _plain(run)),) for classes, run in runs if run))


def _plain(text: str) -> str:
    return _CONTROLS.sub("", _OTHER_ESCAPES.sub("", text))


def _span(classes: str, text: str) -> SafeString:
    if not classes:
        return mark_safe(html.escape(text, quote=False))  # noqa: S308  escaped on this line
    return format_html('<span class="{}">{}</span>', classes, text)


def _classes(style: set[str]) -> str:
    return " ".join(sorted(style))


def _restyle(style: set[str], codes: str) -> None:
    numbers = [int(code) if code else 0 for code in codes.replace(":", ";").split(";")]
    at = 0
    while at < len(numbers):
        number, kind = numbers[at], numbers[at + 1] if at + 1 < len(numbers) else 0
        if number in (38, 48):  # of the 256 colours the first 16 have names here; the others are dropped, not guessed
            if number == 38 and kind == 5 and at + 2 < len(numbers) and numbers[at + 2] < 16:
                _colour(style, numbers[at + 2] % 8)
            at += {5: 2, 2: 4}.get(kind, 0)
        elif number == 0:
            style.clear()
        elif number in (1, 2, 3, 4):
            style.add(f"a-{number}")
        elif number == 22:
            style.difference_update({"a-1", "a-2"})
        elif number in (23, 24):
            style.discard(f"a-{number - 20}")
        elif number == 39:
            _colour(style, None)
        elif 30 <= number <= 37 or 90 <= number <= 97:
            _colour(style, number % 10)
        at += 1


def _colour(style: set[str], index: int | None) -> None:
    style.difference_update({f"a-{each}" for each in range(30, 38)})
    if index is not None:
        style.add(f"a-{30 + index}")
