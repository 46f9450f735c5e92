"""`app[/ref|@ref| ref] [to env[/hosts]]`: where a command goes. Pure."""

from dataclasses import dataclass
from typing import Literal

from .mistakes import Mistake
from .names import app_named, bad_name, env_named, hosts_checked, ref_checked
from .sentence import Sentence
from .suggest import keyword_meant, near
from .words import Word, left_over

PREPOSITIONS = ("to", "in", "on")

#: How a ref may be written: not at all, only `app/ref`, or also as a word of its own.
Refs = Literal["none", "joined", "apart"]


@dataclass(frozen=True, slots=True)
class _Head:
    """The first word of a target: the app it names (resolved or not) and the ref that is joined to it."""

    app: str
    typed: str
    ref: str | None


def take_target(
    s: Sentence, *, refs: Refs = "none", with_hosts: bool = False, app_needed: bool = False, env_needed: bool = False
) -> None:
    """Take all words that are left as a target, into `app`, `ref`, `env` and `hosts`.

    Raises:
        Mistake: a name that is none, is unknown or ambiguous; a word that is left over; nothing behind `to`.
    """
    at = next((i for i, word in enumerate(s.words) if word.is_any(*PREPOSITIONS)), len(s.words))
    head, tail = s.words[:at], s.words[at + 1 :]
    is_bare = at == len(s.words) and bool(head) and _is_bare_env(s, head)
    if is_bare:
        tail = [head.pop()]
    _take_app_and_ref(s, head, refs, is_alone=at == len(s.words) and not is_bare, is_bare=is_bare)
    if at < len(s.words) and not tail:
        raise Mistake("env_required", span=s.words[at].span)
    if app_needed and not s.fields.get("app") and not s.default_app:
        raise Mistake("app_required")
    if tail:
        take_env(s, tail[0], with_hosts=with_hosts)
        if len(tail) > 1:
            raise left_over(tail[1], keyword=keyword_meant(tail[1].text))
    elif env_needed:
        raise Mistake("env_required")
    s.words = []


def _is_bare_env(s: Sentence, head: list[Word]) -> bool:
    """Whether the last word is exactly an environment, so that `to` may be left out."""
    word = head[-1].text
    return bool(s.context.env(word)) and not (len(head) == 1 and s.context.app(word))


def _take_app_and_ref(s: Sentence, words: list[Word], refs: Refs, *, is_alone: bool, is_bare: bool) -> None:
    """What stands before the environment. `is_alone`: there is none; `is_bare`: it follows without a preposition."""
    if not words:
        return
    first = words[0]
    head = _head(s, first)
    is_app = bool(head.app or s.context.app(head.typed))
    if not is_app and s.default_app and refs != "none" and len(words) == 1:
        s.fields["ref"] = ref_checked(first.text, first.span)
        return
    if not is_app and len(words) == 1 and is_alone and head.ref is None and _is_meant_as_env(s, first):
        take_env(s, first)
        return
    if not is_app and s.default_app and len(words) > 1 and (keyword := keyword_meant(words[1].text)):
        raise left_over(words[1], keyword=keyword)
    s.fields["app"] = head.app or app_named(head.typed, s.context, first.span, by_prefix=s.by_prefix)
    if head.ref is not None:
        if refs == "none":
            raise left_over(first)
        s.fields["ref"] = ref_checked(head.ref, first.span)
    _take_ref_apart(s, words[1:], refs, is_bare=is_bare)


def _take_ref_apart(s: Sentence, words: list[Word], refs: Refs, *, is_bare: bool) -> None:
    """The ref as a word of its own; a slip of `to` where a `to` is missing is no ref."""
    if not words:
        return
    word = words[0]
    keyword = keyword_meant(word.text)
    if "ref" in s.fields or refs != "apart" or (keyword and (len(words) > 1 or is_bare)):
        raise left_over(word, keyword=keyword)
    s.fields["ref"] = ref_checked(word.text, word.span)
    if len(words) > 1:
        env = s.context.env(word.text)
        instead = f"{s.spelling} {s.fields['app']}/{words[1].text} to {env}" if env and len(words) == 2 else ""
        raise left_over(words[1], keyword=keyword_meant(words[1].text), instead=instead)


def _head(s: Sentence, word: Word) -> _Head:
    """`owner/repo`, else what stands before the first slash or `@`."""
    app, rest = s.context.repo(word.text)
    if app:
        return _Head(app, app, rest[1:] if rest else None)
    cut = next((i for i, c in enumerate(word.text) if c in "/@"), -1)
    if cut < 0:
        return _Head("", word.text, None)
    if cut == 0:
        raise bad_name(word.text, "app", word.span)
    return _Head("", word.text[:cut], word.text[cut + 1 :])


def _is_meant_as_env(s: Sentence, word: Word) -> bool:
    """Whether a word alone that is near to no app means an environment: it starts one's name, or the app is given."""
    apps = (*s.context.apps, *s.context.app_aliases)
    if near(word.text, apps):
        return False
    envs = (*s.context.envs, *s.context.env_aliases)
    return bool(s.default_app) or (s.by_prefix and any(e.startswith(word.text.lower()) for e in envs))


def take_env(s: Sentence, word: Word, *, with_hosts: bool = False) -> None:
    """Take `env` or `env/hosts`."""
    name, slash, hosts = word.text.partition("/")
    if slash and not with_hosts:
        raise left_over(word)
    app = s.fields.get("app") or s.default_app
    s.fields["env"] = env_named(name, s.context, word.span, by_prefix=s.by_prefix, app=app)
    if slash:
        s.fields["hosts"] = hosts_checked(hosts, word.span)


def take_scope(s: Sentence, *, app_needed: bool = False) -> None:
    """`env on app`, or a target without a ref: what locks and freezes cover."""
    if len(s.words) == 3 and s.words[1].is_any(*PREPOSITIONS) and _is_env_first(s):
        env, _, app = s.words
        s.fields["app"] = _app_alone(s, app)
        take_env(s, env)
        s.words = []
        return
    take_target(s, app_needed=app_needed)


def _is_env_first(s: Sentence) -> bool:
    first, preposition, last = s.words
    first_is_env, last_is_env = bool(s.context.env(first.text)), bool(s.context.env(last.text))
    first_is_app, last_is_app = bool(_known_app(s, first)), bool(_known_app(s, last))
    if first_is_env != last_is_env:
        return first_is_env
    if first_is_app != last_is_app:
        return last_is_app
    return preposition.is_any("on")


def _known_app(s: Sentence, word: Word) -> str:
    app, rest = s.context.repo(word.text)
    return app if app and not rest else s.context.app(word.text)


def _app_alone(s: Sentence, word: Word) -> str:
    app, rest = s.context.repo(word.text)
    if app and not rest:
        return app
    return app_named(word.text, s.context, word.span, by_prefix=s.by_prefix)
