"""Every command is documented and in help, in both languages, and what the docs show can be typed."""

import re

import pytest
from django.utils import translation

from bot import phrases
from bot.commands import COMMANDS
from bot.grammar import parse
from bot.names import Context
from bot.verbs import ALL
from tests.bot.conftest import ROOT

DOCS = (ROOT / "docs" / "commands.md").read_text()
EXAMPLES = [line for block in re.findall(r"```text\n(.*?)```", DOCS, re.DOTALL) for line in block.splitlines()]
NAMES = Context(apps=("shop",), envs=("staging", "production"), rooms={"demo": None})


@pytest.mark.parametrize("line", [*EXAMPLES, *(command.example for command in COMMANDS.values())])
def test_an_example_is_understood_and_built(line):
    assert parse(line, NAMES, room="demo").cmd in COMMANDS


def test_the_docs_give_every_commands_form_and_other_spellings():
    rows = dict(re.findall(r"^\| `(/[^`]+)` \|([^|]*)\|", DOCS, re.MULTILINE))

    assert list(rows) == [phrases.render(f"usage.{name}", {}) for name in in_the_grammars_order()]
    for name, spellings in zip(in_the_grammars_order(), rows.values(), strict=True):
        assert set(COMMANDS[name].verb.aliases) <= set(re.findall(r"`([^`]+)`", spellings))


def test_every_verb_of_the_grammar_is_built_but_one_that_is_for_later():
    assert {verb.name for verb in ALL} - COMMANDS.keys() == {"incident"}
    assert "Only incident." in DOCS


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_help_lists_every_command_in_the_readers_language(ask, alice, language):
    reply = ask(alice, "/help")

    with translation.override(language):
        text = phrases.render_text(reply.code, reply.params)

    for name in COMMANDS:
        assert f"/{name}" in text
    assert ("部署" in text) == (language == "zh-hans")
    assert len(text.splitlines()) == len(COMMANDS) + 2


def in_the_grammars_order():
    return [verb.name for verb in ALL if verb.name in COMMANDS]
