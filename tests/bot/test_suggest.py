"""Did you mean, and the undoing of what keyboards do."""

import pytest

from bot.normalise import normalise
from bot.suggest import distance, keyword_meant, near


@pytest.mark.parametrize(
    ("a", "b", "edits"),
    [("stauts", "status", 1), ("bliling", "billing", 1), ("abc", "abc", 0), ("kitten", "sitting", 3)],
)
def test_a_swap_of_neighbours_is_one_edit(a, b, edits):
    assert distance(a, b, 5) == edits


def test_a_distance_beyond_the_limit_is_not_measured_to_the_end():
    assert distance("a" * 50, "b" * 50, 2) == 3


def test_only_the_nearest_names_are_offered():
    assert near("deplyo", ["deploy", "deploys", "redeploy"]) == ["deploy"]
    assert near("chaos", ["production", "staging"]) == []
    assert near("roll", ["rollback", "status"]) == ["rollback"]


def test_a_slip_of_a_preposition_is_told_from_a_word():
    assert [keyword_meant(word) for word in ("ot", "tos", "into", "no", "to", "main", "v1")] == [
        "to", "to", "to", "on", "", "", ""
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("/deploy  \u201capi\u201d\u00a0to  x ", '/deploy "api" to x'),
        ("/lock x \u2014reason it\u2019s", "/lock x --reason it's"),
        ("`/status`", "/status"),
        ("/say `a` and `b`", "/say `a` and `b`"),
    ],
)
def test_what_keyboards_make_of_a_line_is_undone(line, plain):
    assert normalise(line) == plain


def test_slack_markup_is_read_as_its_text():
    assert normalise("ask <@U1|bob> in <#C2|ops> &lt;now&gt; <!here>", is_slack=True) == "ask @bob in #ops <now> @here"
