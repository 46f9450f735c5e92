"""What may stand behind each verb (docs/commands.md, "Syntax"). Pure: each function consumes a `Sentence`."""

import re
from collections.abc import Callable

from .mistakes import Mistake, printable
from .names import release_checked
from .sentence import DURATION, Sentence
from .suggest import near
from .targets import PREPOSITIONS, take_env, take_scope, take_target
from .verbs import BY_WORD
from .words import left_over

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_WORD = re.compile(r"[^ ]+")
_PATTERN = re.compile(r"[\w*?][\w*?./@+#=,-]*")
_RELEASE_LIKE = re.compile(r"\d+|[0-9a-f]{7,40}", re.IGNORECASE)
_ACTION = re.compile(r"start|status|end", re.IGNORECASE)
_SEVERITY = re.compile(r"sev[1-5]", re.IGNORECASE)


def deploy(s: Sentence) -> None:
    s.take_reason(with_params=True)
    s.split("--force", "--dry-run")
    if s.option("--dry-run"):
        s.fields["cmd"] = "plan"
    s.take_when()
    s.take_otp()
    s.take_force()
    take_target(s, refs="apart", with_hosts=True, app_needed=True)


def redeploy(s: Sentence) -> None:
    s.take_reason()
    s.split("--force")
    s.take_when()
    s.take_otp()
    s.take_force()
    take_target(s, with_hosts=True, app_needed=True)


def rollback(s: Sentence) -> None:
    s.take_reason()
    if s.take_id():
        s.split("--force")
        s.take_otp()
        s.take_force()
        s.done()
        return
    s.split("--force")
    s.take_otp()
    s.take_force()
    _take_release(s)
    take_target(s, app_needed=True)


def _take_release(s: Sentence) -> None:
    """`to <release>` as the last two words, unless that word is an environment, or a slip of one when none is named."""
    if len(s.words) < 2 or not s.words[-2].is_any("to"):
        return
    word, before = s.words[-1], s.words[:-2]
    names_env = bool(s.context.env(word.text))
    has_env = any(w.is_any(*PREPOSITIONS) or s.context.env(w.text) for w in before[-2:])
    looks_like_env = bool(near(word.text, (*s.context.envs, *s.context.env_aliases)))
    if not has_env and (names_env or (looks_like_env and not _RELEASE_LIKE.fullmatch(word.text))):
        return
    s.fields["release"] = release_checked(word.text, word.span)
    s.words = before


def promote(s: Sentence) -> None:
    s.take_reason()
    s.split("--force")
    s.take_otp()
    s.take_force()
    at = next((i for i, word in enumerate(s.words) if word.is_any("from")), 0)
    source = s.words[at : at + 2] if at else []
    if len(source) == 1:
        raise Mistake("env_required", span=source[0].span)
    s.words = [word for word in s.words if word not in source]
    take_target(s, refs="joined", app_needed=True, env_needed=True)
    if source:
        target = s.fields.pop("env")
        take_env(s, source[1])
        s.fields["from"] = s.fields.pop("env")
        s.fields["env"] = target


def retry(s: Sentence) -> None:
    s.take_reason()
    _need_id(s)
    s.split("--failed", "--force")
    if s.option("--failed"):
        s.fields["only"] = "failed"
    s.take_force()
    s.done()


def _need_id(s: Sentence) -> None:
    if not s.take_id():
        raise Mistake("id_required")


def cancel(s: Sentence) -> None:
    s.take_reason()
    if s.take_id():
        if "reason" in s.fields:
            s.split()
            s.done()
        else:
            s.take_text("reason")
        return
    s.split()
    take_target(s)


def confirm(s: Sentence) -> None:
    s.take_id()
    s.split()
    s.take_otp()
    s.done()


def approve(s: Sentence) -> None:
    _need_id(s)
    s.take_leading_otp()
    s.take_text("text")


def reject(s: Sentence) -> None:
    s.take_reason()
    _need_id(s)
    if "reason" in s.fields:
        s.split()
        s.done()
    else:
        s.take_text("reason")


def status(s: Sentence) -> None:
    if s.take_id():
        s.split()
        s.done()
        return
    s.split()
    take_target(s)


def where(s: Sentence) -> None:
    s.split()
    asked = [word.key for word in s.words[:3]]
    if asked == ["can", "i", "deploy"]:
        s.words = s.words[3:]
    take_target(s)


def history(s: Sentence) -> None:
    s.split()
    if s.spelling == "latest":
        s.fields["limit"] = 1
    s.take_last()
    take_target(s, refs="joined", app_needed=True)


def diff(s: Sentence) -> None:
    if s.take_id():
        s.split()
        s.done()
        return
    s.split()
    last = s.words[-1] if len(s.words) > 1 else None
    source, dots, target = last.text.partition("..") if last else ("", "", "")
    if last and dots and s.context.env(source) and s.context.env(target):
        s.words = s.words[:-1]
        s.fields["from"], s.fields["env"] = s.context.env(source), s.context.env(target)
        take_target(s, app_needed=True)
        return
    take_target(s, refs="apart", app_needed=True)


def changes(s: Sentence) -> None:
    s.split()
    at = next((i for i, word in enumerate(s.words) if word.is_any("since")), -1)
    if at >= 0:
        rest = s.words[at + 2 :]
        s.words = s.words[: at + 2]
        s.take_pair("since", "since")
        s.words += rest
    take_target(s)


def logs(s: Sentence) -> None:
    _need_id(s)
    s.split("-f", "--follow", values=("--tail", "--grep"))
    tail, grep, follow = s.option("--tail"), s.option("--grep"), s.option("-f", "--follow")
    if tail is not None:
        if not (tail.isascii() and tail.isdigit() and len(tail) < 7 and int(tail)):
            raise Mistake("syntax", at=printable(tail))
        s.fields["tail"] = int(tail)
    if grep is not None:
        s.fields["grep"] = grep
    if follow:
        s.fields["follow"] = True
    if s.words:
        host = s.words.pop(0)
        if not _NAME.fullmatch(host.text):
            raise left_over(host)
        s.fields["hosts"] = (host.text.lower(),)
    s.done()


def plain(s: Sentence) -> None:
    """No words at all."""
    s.split()
    s.done()


def target(s: Sentence) -> None:
    """An app, an environment, or both; none is everything."""
    s.split()
    take_target(s)


def refs(s: Sentence) -> None:
    s.split()
    if len(s.words) > 1 or (s.words and s.default_app and not s.context.app(s.words[0].text)):
        word = s.words.pop()
        if not _PATTERN.fullmatch(word.text) or len(word.text) > 200:
            raise left_over(word)
        s.fields["pattern"] = word.text
    take_target(s, app_needed=True)


def commits(s: Sentence) -> None:
    s.split()
    s.take_last()
    take_target(s, refs="apart", app_needed=True)


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


def locks(s: Sentence) -> None:
    s.split()
    take_scope(s)


def freeze(s: Sentence) -> None:
    s.take_reason(after_colon=True)
    s.split()
    s.take_span()
    if s.words and s.words[0].is_any("all"):
        s.fields["scope"] = "all"
        s.words = s.words[1:]
    take_scope(s)


def schedule(s: Sentence) -> None:
    verb = s.take_word(_WORD)
    named = BY_WORD.get(verb[0].lower().rstrip("!")) if verb else None
    if not verb or not named or named.name != "deploy":
        raise Mistake("syntax", span=verb.span() if verb else None, at=printable(verb[0]) if verb else "")
    if verb[0].endswith("!"):
        s.fields["force"] = True
    s.fields["cmd"] = "deploy"
    deploy(s)
    if "when" not in s.fields:
        raise Mistake("time_required")


def text(s: Sentence) -> None:
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


def mute(s: Sentence) -> None:
    s.split()
    s.take_pair("for", "for")
    if "for" not in s.fields and s.words and DURATION.fullmatch(s.words[-1].text):
        s.fields["for"] = s.words.pop().text
    take_target(s, app_needed=True)


def watch(s: Sentence) -> None:
    s.split()
    take_target(s, app_needed=True)


def alias(s: Sentence) -> None:
    name, equals, line = s.line[s.start : s.end].partition("=")
    name = name.strip()
    if name.lower() in BY_WORD:
        raise Mistake("reserved", near=[], given=printable(name))
    if not _NAME.fullmatch(name) or not equals or not line.strip():
        raise Mistake("syntax", at=printable(name or s.line[s.start : s.end]))
    s.fields["name"] = name.lower()
    s.start = s.end - len(line)
    s.take_text("line")


def unalias(s: Sentence) -> None:
    s.split()
    if not s.words:
        raise Mistake("text_required")
    s.fields["name"] = s.words.pop(0).text.lower()
    s.done()


def help(s: Sentence) -> None:
    s.split()
    if s.words:
        word = s.words.pop(0)
        verb = BY_WORD.get(word.key.lstrip("/.!"))
        if not verb:
            raise Mistake("unknown_command", span=word.span, near=near(word.text, BY_WORD), given=printable(word.text))
        s.fields["topic"] = verb.name
    s.done()


SYNTAX: dict[str, Callable[[Sentence], None]] = {
    "deploy": deploy,
    "plan": deploy,
    "redeploy": redeploy,
    "rollback": rollback,
    "promote": promote,
    "retry": retry,
    "cancel": cancel,
    "pause": cancel,
    "resume": cancel,
    "confirm": confirm,
    "no": confirm,
    "approve": approve,
    "reject": reject,
    "status": status,
    "where": where,
    "history": history,
    "diff": diff,
    "changes": changes,
    "logs": logs,
    "apps": plain,
    "envs": target,
    "servers": target,
    "branches": refs,
    "tags": refs,
    "commits": commits,
    "lock": lock,
    "unlock": unlock,
    "locks": locks,
    "queue": target,
    "freeze": freeze,
    "unfreeze": freeze,
    "freezes": target,
    "schedule": schedule,
    "schedules": target,
    "announce": text,
    "incident": incident,
    "oncall": target,
    "watch": watch,
    "unwatch": watch,
    "mute": mute,
    "alias": alias,
    "unalias": unalias,
    "aliases": plain,
    "help": help,
    "whoami": plain,
}
