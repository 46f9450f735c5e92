"""What may stand behind the verbs that change what runs. Pure."""

import re

from bot.mistakes import Mistake, printable
from bot.names import release_checked
from bot.sentence import Sentence
from bot.suggest import near
from bot.targets import PREPOSITIONS, take_env, take_target
from bot.verbs import BY_WORD
from bot.words import left_over

_WORD = re.compile(r"[^ ]+")
_RELEASE_LIKE = re.compile(r"\d+|[0-9a-f]{7,40}", re.IGNORECASE)


def deploy(s: Sentence) -> None:
    s.take_reason(with_params=True)
    s.split("--force", "--dry-run", "--queue")
    if s.option("--dry-run"):
        s.fields["cmd"] = "plan"
    _take_queue(s)
    s.take_when()
    s.take_otp()
    s.take_force()
    take_target(s, refs="apart", with_hosts=True, app_needed=True)


def schedule(s: Sentence) -> None:
    verb = s.take_word(_WORD)
    named = BY_WORD.get(verb[0].lower().rstrip("!")) if verb else None
    if not verb or not named or named.name != "deploy":
        instead = f"schedule deploy {s.line[verb.start() : s.end]}" if verb and not named else ""
        span = verb.span() if verb else None
        raise Mistake("syntax", span=span, instead=instead, at=printable(verb[0]) if verb else "")
    if verb[0].endswith("!"):
        s.fields["force"] = True
    s.fields["cmd"] = "deploy"
    deploy(s)
    if "when" not in s.fields:
        raise Mistake("time_required")


def redeploy(s: Sentence) -> None:
    s.take_reason()
    s.split("--force", "--queue")
    _take_queue(s)
    s.take_when()
    s.take_otp()
    s.take_force()
    take_target(s, with_hosts=True, app_needed=True)


def rollback(s: Sentence) -> None:
    s.take_reason()
    s.split("--force", "--queue")
    _take_queue(s)
    s.take_otp()
    s.take_force()
    if s.take_id_word():
        s.done()
        return
    _take_release(s)
    take_target(s, app_needed=True)


def _take_release(s: Sentence) -> None:
    """`to <release>` as the last two words, unless that word is an environment, or a slip of one when none is named.

    The environment may also come last: `to 3f9c2ab in production`.
    """
    if len(s.words) > 4 and s.words[-4].is_any("to") and s.words[-2].is_any("in", "on"):
        s.words = [*s.words[:-4], *s.words[-2:], *s.words[-4:-2]]
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
    s.split("--force", "--queue")
    _take_queue(s)
    s.take_otp()
    s.take_force()
    at = next((i for i, word in enumerate(s.words) if word.is_any("from")), 0)
    source = s.words[at : at + 2] if at else []
    if len(source) == 1:
        raise Mistake("env_required", span=source[0].span)
    s.words = [word for word in s.words if word not in source]
    _refuse_bare_source(s, has_source=bool(source))
    take_target(s, refs="joined", with_hosts=True, app_needed=True, env_needed=True)
    if source:
        target = s.fields.pop("env")
        take_env(s, source[1])
        s.fields["from"] = s.fields.pop("env")
        s.fields["env"] = target


def _refuse_bare_source(s: Sentence, *, has_source: bool) -> None:
    """`promote app staging production`: said with `from` and `to` it is clear which is which."""
    named = [word for word in s.words[1:] if not word.is_any(*PREPOSITIONS)]
    if has_source or len(named) != 2 or not all(s.context.env(word.text) for word in named):
        return
    source, target = named
    raise left_over(source, instead=f"promote {s.words[0].text} from {source.text} to {target.text}")


def retry(s: Sentence) -> None:
    s.take_reason()
    s.split("--failed", "--force")
    if s.option("--failed"):
        s.fields["only"] = "failed"
    s.take_force()
    if not s.take_id_word():
        raise Mistake("id_required")
    s.done()


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


def _take_queue(s: Sentence) -> None:
    """`--queue`: wait behind somebody's lock."""
    if s.option("--queue"):
        s.fields["queue"] = True


def _need_id(s: Sentence) -> None:
    if not s.take_id():
        raise Mistake("id_required")
