"""Every refusal ends in something to press, in both languages, whatever was typed."""

import pytest
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import phrases
from bot.grammar import hear
from bot.mistakes import Mistake
from deploy_core.models import AuditEntry
from tests.bot.test_anything import PIECES

_VERBS = ("/deploy", "/rollback", "/lock", "/unlock", "/logs", "/cancel", "/promote", "/freeze", "/schedule", "/alias")
_WORDS = (
    "shop",
    "shop/main",
    "staging",
    "to",
    "prod",
    "#1",
    "#999",
    "because",
    "at",
    "22:00",
    "for",
    "2h",
    "--force",
    "!",
)
_OURS = st.sampled_from([*_VERBS, *_WORDS])
_LINES = st.lists(st.one_of(_OURS, PIECES), min_size=1, max_size=8).map(" ".join)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=_LINES.map(lambda text: text if text.startswith("/") else f"/{text}"))
def test_a_refusal_is_private_audited_said_in_both_languages_and_ends_in_a_line(ask, alice, line):
    before = AuditEntry.objects.count()

    reply = ask(alice, line)

    for language in ("en", "zh-hans"):
        with translation.override(language):
            text = phrases.render(reply.code, reply.params)
        assert text != reply.code
        assert "%(" not in text
    if reply.is_error and reply.code != "not_a_command":
        assert (reply.is_public, reply.effects) == (False, ())
        assert reply.suggest
        assert AuditEntry.objects.count() > before
    for each in reply.suggest:
        assert is_pressable(each)


def is_pressable(line):
    try:
        return hear(line) is not None
    except Mistake as mistake:
        pytest.fail(f"{line}: {mistake.code}")
