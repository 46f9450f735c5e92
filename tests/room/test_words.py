"""The words of the pages: whole sentences, each of them in both languages."""

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.utils import translation
from django.utils.translation.template import templatize

from chatops.templatetags import looks

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
CATALOGUE = ROOT / "chatops" / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
#: What `templatize` makes of a template: calls of gettext functions.
CALL = re.compile(r"""\b(?:n|p|np)?gettext(?:_noop)?\((.*?)\)(?=\s|$)""", re.S)
TEXT = re.compile(r"""u?'((?:[^'\\]|\\.)*)'|u?"((?:[^"\\]|\\.)*)\"""")
PLACES = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


def sentences() -> set[str]:
    found = set()
    for path in TEMPLATES:
        for call in re.findall(r"\s_\((.*?)\) |gettext\((.*?)\) ", templatize(path.read_text(), str(path)), re.S):
            found |= {_unquoted(text) for text in TEXT.findall("".join(call))}
    return found


def _unquoted(text: tuple[str, str]) -> str:
    return (text[0] or text[1]).replace("\\'", "'").replace('\\"', '"').replace("\\n", "\n")


def translations() -> dict[str, str]:
    with CATALOGUE.open("rb") as file:
        catalog = read_po(file, locale="zh_Hans")
    found: dict[str, str] = {}
    for message in catalog:
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        text = message.string[0] if isinstance(message.string, tuple) else message.string
        found |= {str(each): str(text) for each in ids if each}
    return found


def test_every_sentence_of_the_templates_is_translated() -> None:
    known = translations()

    assert len(sentences()) > 100
    assert sorted(sentence for sentence in sentences() if not known.get(sentence)) == []


def test_a_translation_has_the_places_of_its_sentence() -> None:
    wrong = {
        sentence: text
        for sentence, text in translations().items()
        if set(PLACES.findall(sentence)) != set(PLACES.findall(text))
    }

    assert wrong == {}


def test_every_word_that_the_script_asks_for_is_there() -> None:
    there = set(re.findall(r'<data value="([\w.]+)"', (ROOT / "templates" / "_words.html").read_text()))
    script = "\n".join(path.read_text() for path in (ROOT / "static" / "js").glob("*.js"))
    asked = set(re.findall(r'\bword\("([\w.]+)"', script))
    counted = set(re.findall(r'\bplural\("([\w.]+)"', script))

    assert asked
    assert sorted(asked - there) == []
    assert sorted(f"{word}.other" for word in counted if f"{word}.other" not in there and word not in there) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_has_no_inline_code_or_style(path: Path) -> None:
    text = path.read_text()

    assert not re.search(r"\sstyle=|\son\w+=|<style|javascript:", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)


def test_every_status_and_every_kind_of_step_is_translated() -> None:
    known = translations()
    with translation.override("en"):
        words = [str(look.word) for look in looks.STATUSES.values()] + [str(word) for word in looks.STEPS.values()]

    assert sorted(word for word in words if not known.get(word)) == []
