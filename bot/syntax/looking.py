"""What may stand behind the verbs that only look. Pure."""

import re

from bot.mistakes import Mistake, printable
from bot.sentence import Sentence
from bot.targets import take_scope, take_target
from bot.words import left_over

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_PATTERN = re.compile(r"[\w*?][\w*?./@+#=,-]*")


def status(s: Sentence) -> None:
    if s.take_id():
        s.split()
        s.done()
        return
    s.split()
    take_target(s)


def where(s: Sentence) -> None:
    s.split("--verify")
    if s.option("--verify"):
        s.fields["action"] = "verify"
    asked = [word.key for word in s.words[:3]]
    if asked == ["can", "i", "deploy"]:
        s.words = s.words[3:]
        s.drop_question_mark()
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
    s.split("-f", "--follow", values=("--tail", "--grep"))
    if not s.take_id_word():
        raise Mistake("id_required")
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


def servers(s: Sentence) -> None:
    """`check` before the target: go and look, instead of what is known."""
    s.split()
    if s.words and s.words[0].is_any("check") and not s.context.app("check"):
        s.fields["action"] = "check"
        s.words = s.words[1:]
    take_target(s)


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


def locks(s: Sentence) -> None:
    s.split()
    take_scope(s)
