"""The names a line may use, and how a typed word becomes one of them. Pure: `contexts.py` makes a `Context` of rows."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .mistakes import Mistake, character_name, printable
from .suggest import near

NAME_LIMIT = 63
REF_LIMIT = 200
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ADDRESS = re.compile(r"https?://[^/@]+/([^/@]+)/([^/@]+?)(?:\.git)?/?(?:/tree/([^?#]+)|[@/](?!tree/)([^?#]+))?\Z")
_HOSTS = re.compile(r"[A-Za-z0-9*][A-Za-z0-9._*,-]*")
_REF = re.compile(r"[^\W_][\w./@+#=,-]*")
#: Forms that git reads as something else than the name of a branch or tag, or never allows (git-check-ref-format).
_REF_REFUSED = re.compile(r"\.\.|@\{|//|/\.|/\Z|\.\Z|\.lock(?:/|\Z)|\A(?:refs/|HEAD\Z)")
_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True, slots=True)
class Context:
    """What may be named, in lower case. `environments` maps an app to its own; an app not in it has all of `envs`.

    `rooms` maps a room to its default app. Keys of `repos` are `owner/repo`.
    """

    apps: tuple[str, ...] = ()
    app_aliases: Mapping[str, str] = field(default_factory=dict)
    repos: Mapping[str, str] = field(default_factory=dict)
    envs: tuple[str, ...] = ()
    env_aliases: Mapping[str, str] = field(default_factory=dict)
    environments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rooms: Mapping[str, str | None] = field(default_factory=dict)

    def environments_of(self, app: str) -> tuple[str, ...]:
        return self.environments.get(app, self.envs)

    def app(self, word: str) -> str:
        """The app that `word` exactly names, or empty."""
        lowered = word.lower()
        return lowered if lowered in self.apps else self.app_aliases.get(lowered, "")

    def env(self, word: str) -> str:
        """The environment that `word` exactly names, or empty."""
        lowered = word.lower()
        return lowered if lowered in self.envs else self.env_aliases.get(lowered, "")

    def repo(self, words: str) -> tuple[str, str]:
        """The app whose `owner/repo` starts `words`, and what follows it; `("", words)` when none does.

        An address of the repository, or of a branch of it, as it is copied from a browser, says the same.
        """
        address = _ADDRESS.match(words)
        if address:
            app = self.repos.get(f"{address[1]}/{address[2]}".lower(), "")
            ref = address[3] or address[4]
            return (app, f"/{ref}" if ref else "") if app else ("", words)
        parts = re.match(r"([^/]+/[^/@]+)(.*)", words, re.DOTALL)
        if parts and not self.app(words.partition("/")[0]):
            app = self.repos.get(parts.group(1).lower(), "")
            if app:
                return app, parts.group(2)
        return "", words


def app_named(word: str, context: Context, span: tuple[int, int], *, by_prefix: bool) -> str:
    """The app that `word` names; a unique prefix is enough only where nothing changes."""
    _check_name(word, "app", span)
    found = context.app(word)
    return found or _guess(word, "app", context.apps, context.app_aliases, span, by_prefix=by_prefix)


def env_named(word: str, context: Context, span: tuple[int, int], *, by_prefix: bool, app: str = "") -> str:
    """The environment that `word` names, one of `app`'s when it is known."""
    _check_name(word, "env", span)
    its_own = context.environments_of(app) if app else context.envs
    found = context.env(word)
    if found in its_own:
        return found
    if found:
        raise Mistake("unknown_env", span=span, near=near(word, its_own), given=printable(word))
    aliases = {alias: name for alias, name in context.env_aliases.items() if name in its_own}
    return _guess(word, "env", its_own, aliases, span, by_prefix=by_prefix)


def _guess(
    word: str,
    what: str,
    names: Iterable[str],
    aliases: Mapping[str, str],
    span: tuple[int, int],
    *,
    by_prefix: bool,
) -> str:
    spellings = {**{name: name for name in names}, **aliases}
    typed = word.lower()
    starting = sorted({name for spelling, name in spellings.items() if spelling.startswith(typed)})
    if len(starting) == 1:
        if by_prefix:
            return starting[0]
        raise Mistake(f"unknown_{what}", span=span, near=starting, given=printable(word))
    if starting:
        raise Mistake("ambiguous", span=span, what=what, given=printable(word), candidates=starting)
    meant = list(dict.fromkeys(spellings[spelling] for spelling in near(word, spellings)))
    raise Mistake(f"unknown_{what}", span=span, near=meant, given=printable(word))


def _check_name(word: str, what: str, span: tuple[int, int]) -> None:
    if len(word) > NAME_LIMIT:
        raise too_long(word, what, NAME_LIMIT, span)
    if not _NAME.fullmatch(word):
        raise bad_name(word, what, span)


def bad_name(word: str, what: str, span: tuple[int, int]) -> Mistake:
    """The refusal of a word that can be no name, saying which character is in the way."""
    good = _NAME.match(word)
    odd = character_name(word[good.end() if good else 0 :][:1] or " ")
    return Mistake("bad_name", span=span, near=[], what=what, given=printable(word), character=odd)


def too_long(word: str, what: str, limit: int, span: tuple[int, int] | None) -> Mistake:
    return Mistake("too_long", span=span, what=what, given=printable(word, 40), limit=limit)


def ref_checked(word: str, span: tuple[int, int]) -> str:
    """`word` as a ref: a branch, a tag or a commit id, in the case it was typed."""
    if len(word) > REF_LIMIT:
        raise too_long(word, "ref", REF_LIMIT, span)
    if not _REF.fullmatch(word) or _REF_REFUSED.search(word):
        raise Mistake("bad_ref", span=span, near=[], given=printable(word))
    return word


def hosts_checked(word: str, span: tuple[int, int]) -> tuple[str, ...]:
    """`web1,web2`, a group or a pattern as its parts; whether they exist is asked when the command runs."""
    if len(word) > REF_LIMIT:
        raise too_long(word, "hosts", REF_LIMIT, span)
    if not _HOSTS.fullmatch(word) or ",," in word or word.endswith(","):
        raise bad_name(word, "hosts", span)
    return tuple(word.lower().split(","))


def release_checked(word: str, span: tuple[int, int]) -> str:
    if not _RELEASE.fullmatch(word) or ".." in word:
        raise Mistake("bad_release", span=span, near=[], given=printable(word))
    return word
