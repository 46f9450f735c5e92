"""The pages say what is there: links lead somewhere, commands and targets exist and are written down."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from tests.house.checkout import ROOT, tracked

PAGES = [path for path in tracked() if path.suffix == ".md" and not path.is_relative_to(ROOT / "chatops")]
OURS = ("chatops", "bot", "deploy_core")


def _commands() -> set[str]:
    return {name for name, app in get_commands().items() if str(app).startswith(OURS)}


def _verbs() -> set[str]:
    return set(re.findall(r'^        "([a-z-]+)": [a-z_]+,$', (ROOT / "chatops" / "bootstrap.py").read_text(), re.M))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]

    assert missing == []


def test_every_management_command_of_ours_is_documented():
    text = "\n".join(page.read_text() for page in PAGES)

    assert {name for name in _commands() if f"manage.py {name}" not in text} == set()


def test_every_management_command_in_the_docs_exists():
    named = {word for page in PAGES for word in re.findall(r"manage\.py ([a-z_]+)", page.read_text())}

    assert named <= set(get_commands())


def test_the_makefile_and_the_bootstrap_have_the_same_verbs():
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.M)

    assert phony
    assert set(phony[1].split()) == _verbs()


def test_every_make_target_in_the_docs_exists_and_every_target_is_documented():
    named = {
        word
        for page in PAGES
        for word in re.findall(r"\bmake ([a-z][a-z-]+)\b(?=`|  |,| ARGS| &&|$)", page.read_text(), re.M)
    }

    assert named == _verbs()


def test_the_decisions_are_numbered_without_holes():
    names = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md"))

    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    assert all(
        path.read_text().startswith(f"# {int(path.name[:4])}. ") for path in (ROOT / "docs" / "decisions").glob("*.md")
    )


def test_the_readme_says_what_gojs_is():
    text = (ROOT / "README.md").read_text()

    assert "GOJS_LICENSE_KEY" in text
    assert "not licensed for production" in text
