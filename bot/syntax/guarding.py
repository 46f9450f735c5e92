"""What may stand behind the verbs that keep others out, or tell them. Pure."""

import re

from bot.mistakes import Mistake
from bot.sentence import Sentence
from bot.targets import take_scope

_ACTION = re.compile(r"start|status|end", re.IGNORECASE)
_SEVERITY = re.compile(r"sev[1-5]", re.IGNORECASE)


def lock(s: Sentence) -> None:
    s.take_reason(after_colon=True)
    s.split("--force", "--global", "--info", "-i", "--details", "-d")
    if s.option("--info", "-i", "--details", "-d"):
        s.fields["cmd"] = "locks"
    if s.option("--global"):
        s.fields["scope"] = "global"
    s.take_span()
    s.take_force()
    is_listing = s.fields.get("cmd") == "locks"
    take_scope(s, app_needed=not is_listing and "scope" not in s.fields)


def unlock(s: Sentence) -> None:
    s.take_reason(after_colon=True)
    s.split("--force", "--global")
    if s.option("--global"):
        s.fields["scope"] = "global"
    s.take_force()
    if len(s.words) == 1 and s.words[0].is_any("all"):
        s.fields["scope"] = "mine"
        s.words = []
    take_scope(s, app_needed="scope" not in s.fields)


def freeze(s: Sentence) -> None:
    s.take_reason(after_colon=True)
    s.split()
    s.take_span()
    if s.words and s.words[0].is_any("all"):
        s.fields["scope"] = "all"
        s.words = s.words[1:]
    take_scope(s)


def announce(s: Sentence) -> None:
    s.take_text("text", limit=2000)
    if "text" not in s.fields:
        raise Mistake("text_required")


def incident(s: Sentence) -> None:
    action = s.take_word(_ACTION)
    if not action:
        raise Mistake("text_required")
    s.fields["action"] = action[0].lower()
    if s.fields["action"] == "start":
        severity = s.take_word(_SEVERITY)
        if severity:
            s.fields["severity"] = severity[0].lower()
    s.take_text("text")
