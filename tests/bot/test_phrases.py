"""The one catalogue: every code that the code base says has a sentence, and every sentence its Chinese."""

import ast
import json
import re
import subprocess

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from django.utils import translation

from bot import phrases
from bot.phrases.tables import runs
from bot.registry import COMMANDS
from bot.verbs import ALL
from deploy_core import errors
from deploy_core.rules.status import Status, StepStatus
from tests.bot.conftest import PO, ROOT

ERRORS = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}
#: Where a code is an argument, and which: `journal.move(id, to, reason)`, `work.skip({key: reason})`, …
MOVERS = {
    "move": 2,
    "move_step": 2,
    "_move_steps": 2,
    "Refused": 0,
    "Mistake": 0,
    "answer": 0,
    "_accepted": 0,
    "phrase": 0,
    "Reply": 0,
}
PLACE = re.compile(r"%\((\w+)\)s")


def sources():
    for package in ("bot", "chatops", "deploy_core"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if not {"migrations", "shop"} & set(path.parts) and path.name != "tar.py":  # its Refused is its own
                yield path, ast.parse(path.read_text())


def codes_said():
    """Every code that stands in the code base as a literal, with where it stands."""
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and re.fullmatch(r"announce\.\w+", str(node.value)):
                yield node.value, f"{path.relative_to(ROOT)}:{node.lineno}"
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            if name in ERRORS:
                yield literal(call, 0) or ERRORS[name].code, f"{path.relative_to(ROOT)}:{call.lineno}"
            elif name in MOVERS and (code := literal(call, MOVERS[name])):
                yield code, f"{path.relative_to(ROOT)}:{call.lineno}"
            elif name == "skip" and call.args and isinstance(call.args[0], ast.Dict):
                reasons = [value.value for value in call.args[0].values if isinstance(value, ast.Constant)]
                yield from ((reason, f"{path.relative_to(ROOT)}:{call.lineno}") for reason in reasons)


def literal(call, at):
    found = call.args[at] if len(call.args) > at else None
    return found.value if isinstance(found, ast.Constant) and isinstance(found.value, str) else ""


def test_every_code_that_is_said_has_a_sentence():
    said = dict(codes_said())

    missing = {code: place for code, place in said.items() if code not in phrases.PHRASES}

    assert len(said) > 60
    assert missing == {}


def test_no_code_has_two_sentences():
    told = [code for part in phrases._PARTS for code in part]

    assert sorted(told) == sorted(set(told))


def test_every_error_class_and_every_status_has_words():
    codes = {kind.code for kind in ERRORS.values() if issubclass(kind, errors.DeployError)}
    codes |= {f"status.{status}" for status in (*Status, *StepStatus)}

    assert codes <= phrases.PHRASES.keys()


@pytest.mark.parametrize("code", ["locked", "frozen", "busy", "checks_failed", "approval_needed"])
def test_replies_that_later_commands_need_are_there(code):
    assert code in phrases.PHRASES


def test_every_built_command_has_its_words_and_its_verb():
    for name in COMMANDS:
        assert {f"usage.{name}", f"help.{name}"} <= phrases.PHRASES.keys()
        assert name in {verb.name for verb in ALL}
        assert all(f"part.{argument.part}" in phrases.PHRASES for argument in COMMANDS[name].arguments)


def test_every_sentence_is_translated_with_its_places():
    with PO.open("rb") as file:
        chinese = {(message.context, message.id): message for message in read_po(file) if message.id}
    keywords = {"_": None, "pgettext_lazy": ((1, "c"), 2)}
    extracted = {(context, text) for _, _, text, _, context in extract_from_dir(ROOT / "bot", keywords=keywords)}

    assert chinese.keys() == extracted
    for (_, text), message in chinese.items():
        assert message.string
        assert not message.fuzzy
        assert sorted(PLACE.findall(text)) == sorted(PLACE.findall(message.string)), text
        assert text.count("[[") == message.string.count("[[") == message.string.count("]]"), text


def test_chinese_uses_full_width_marks_and_the_familiar_you():
    with translation.override("zh-hans"):
        said = phrases.catalogue()

    for code, sentence in said.items():
        assert "您" not in sentence, code
        assert not re.search(r"[\u4e00-\u9fff][,.;:?!](?!\w)", sentence), code


def test_the_catalogue_is_in_the_language_of_the_reader():
    with translation.override("zh-hans"):
        chinese = phrases.catalogue()
    with translation.override("en"):
        english = phrases.catalogue()

    assert chinese.keys() == english.keys()
    assert chinese["hint.meant"] == "是不是想用："
    assert english["hint.meant"] == "Did you mean this?"


RENDERED = [
    ("cancelled_by", {"by": "bob"}, "It was stopped by bob."),
    ("cancelled_by", {}, "It was stopped."),
    ("cancelled_by", {"by": ""}, "It was stopped."),
    ("no_servers", {"app": "shop"}, "shop %(environment)s has no servers yet, so there is nothing to deploy to."),
    ("ambiguous", {"given": "ap", "candidates": ["api", "apollo"]}, "“ap” could be api, apollo. Which one?"),
    ("ambiguous", {"given": "a]]b", "candidates": []}, "“a]]b” could be –. Which one?"),
    ("no_code_of_ours", {}, "no_code_of_ours"),
    (
        "announce.failed",
        {
            "app": "shop",
            "environment": "staging",
            "why": {"code": "disk_full", "params": {"server": "web-1"}},
            "runs": runs({"runs": {"5-3f9c2ab": ["web-1", "web-2"], "": ["web-3"]}}),
        },
        "shop → staging failed. web-1 has no space left on its disk. "
        "Servers now run 5-3f9c2ab (web-1, web-2), unknown (web-3).",
    ),
]


@pytest.mark.parametrize(("code", "params", "expected"), RENDERED)
def test_a_code_with_parameters_becomes_a_sentence(code, params, expected):
    assert phrases.render(code, params) == expected


def test_the_page_renders_the_same_sentences():
    """`static/js/words.js` against `bot.phrases`, by node."""
    script = f"""
        import {{ usePhrases, phrase }} from "{(ROOT / "static/js/words.js").as_uri()}"
        usePhrases({json.dumps(phrases.catalogue())})
        const asked = {json.dumps([[code, params] for code, params, _ in RENDERED])}
        console.log(JSON.stringify(asked.map(([code, params]) => phrase(code, params))))
    """
    command = ["node", "--input-type=module", "--eval", script]

    done = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL, timeout=30)

    assert json.loads(done.stdout) == [expected for _, _, expected in RENDERED]


def test_a_table_is_aligned_text_in_a_shell():
    table = {
        "head": ["column.number", "column.status", "column.when"],
        "rows": [[{"deployment": 7}, {"status": "running"}, {"at": "2026-11-27T10:00:00+00:00"}], ["x", "", None]],
    }

    assert phrases.render_text("status", {"table": table}).splitlines() == [
        "What runs, waits, or is closed now:",
        "Deployment  Status   When",
        "#7          running  2026-11-27 10:00 UTC",
        "x",
    ]


def test_servers_that_count_up_are_told_by_their_ends():
    names = ["web-9", "web-10", "web-11", "web-01", "web-02", "web-03", "9", "10", "x"]

    assert phrases.in_runs(names) == ["web-9 – web-11", "web-01 – web-03", "9", "10", "x"]
    said = phrases.render("runs", {"release": "4-1c0a8ab", "servers": ["web-1", "web-2", "web-3", "db-1"]})
    assert said == "4-1c0a8ab (web-1 – web-3, db-1)"
