"""Every row of tests/cases/bad_inputs.tsv in the area `command`, typed by a deployer in a room."""

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from bot import phrases
from deploy_core.models import AuditEntry, Deployment, Environment
from tests import factories
from tests.bot.conftest import CASES

ROWS = [line.split("\t")[1] for line in (CASES / "bad_inputs.tsv").read_text().splitlines() if line[:8] == "command\t"]

#: What a row's line is refused with. "not_yet": the verb is parsed, and its own refusals come with it.
LINES = {
    "/deploy shop;id main to prod": "bad_name",
    "/deploy shop $(touch /tmp/canary) to prod": "bad_ref",
    "/deploy shop main to prod\\n/approve 1": "one_line",
    '/deploy "shop main to prod': "quote_not_closed",
    "/deploy shop --upload-pack=/tmp/x to prod": "bad_ref",
    "/deploy ../../etc main to prod": "bad_name",
    "/deploy @/etc/passwd main to prod": "bad_name",
    "/deploy {{7*7}} main to prod": "bad_name",
    "/deploy shop main": "env_required",
    "/deploy shop main to prod to staging": "syntax",
    "/deplyo shop main to prod": "unknown_command",
    "/deploy shop \\x1b]0;owned\\x07main to prod": "bad_ref",
    "/approve 99999999999999999999999": "not_found",
    "/rollback shop prod to ../../../etc": "bad_release",
}
#: Rows that need more than their line, or are written as a description; the value is the line to type.
DESCRIBED = {
    "/deploy shop main to \\u0440rod (Cyrillic er)": ("/deploy shop main to \u0440rod", "bad_name"),
    "/deploy shop main to \\uff50\\uff52\\uff4f\\uff44 (fullwidth)": (
        "/deploy shop main to \uff50\uff52\uff4f\uff44",
        "bad_name",
    ),
    "/deploy shop main to \\u202edorp": ("/deploy shop main to \u202edorp", "bad_name"),
    "/deploy {a*10240} main to prod": ("/deploy " + "a" * 10_240 + " main to prod", "too_long"),
    "/rollback shop prod with no earlier release": ("/rollback shop prod", "nothing_to_roll_back"),
    "/rollback shop prod to <release whose upload was cut>": ("/rollback shop prod to r7cut", "release_not_found"),
}
#: Rows with a test of their own below.
TOLD_BELOW = {
    "/deploy \\u201cshop\\u201d main to prod",
    "/deploy --help main to prod",
    'env created through the API with name "prod\\n"',
    "/cancel <finished deploy>",
    "do: 20 users send the same /deploy at the same instant",
    "do: guest sends /deploy",
    "do: deployer of staging sends /deploy ... to prod",
    # tests/bot/test_consent.py and tests/bot/test_guard.py
    "/approve <own deploy>",
    "/approve <deploy of an app outside the user's permission>",
    "/approve after the branch moved since the request",
    "/unlock prod by a member who does not hold it",
}


def test_no_row_is_forgotten():
    assert set(ROWS) == LINES.keys() | DESCRIBED.keys() | TOLD_BELOW
    assert len(ROWS) == 31


def typed(row):
    return row.replace("\\n", "\n").replace("\\x1b", "\x1b").replace("\\x07", "\x07")


@pytest.mark.parametrize(
    ("line", "code"),
    [*((typed(row), code) for row, code in LINES.items()), *DESCRIBED.values()],
    ids=[*LINES, *DESCRIBED],
)
def test_a_bad_line_is_refused_alone_and_leaves_nothing(ask, alice, line, code):
    reply = ask(alice, line)

    with translation.override("en"):
        told = phrases.render_text(reply.code, reply.params)
    assert reply.code == code
    assert (reply.is_error, reply.is_public, reply.effects) == (True, False, ())
    assert reply.suggest
    assert told.isprintable()
    assert len(told) < 400
    assert "%(" not in told
    assert "49" not in told
    assert not Deployment.objects.exists()
    assert AuditEntry.objects.get().outcome in (code, "syntax")


def test_curly_quotes_are_plain_quotes(ask, alice):
    assert ask(alice, "/deploy \u201cshop\u201d main to prod").params["app"] == "shop"


def test_help_among_the_words_queues_nothing(ask, alice):
    assert ask(alice, "/deploy --help main to prod").code == "help.command"
    assert not Deployment.objects.exists()


def test_a_name_with_a_newline_at_its_end_is_no_name(shop):
    with pytest.raises(ValidationError):
        Environment(app=shop, name="prod\n", path="x").full_clean()


def test_a_deployment_that_has_ended_is_not_cancelled(ask, alice, production):
    done = Deployment.objects.create(
        app=production.app, environment=production, ref="main", requested_by=alice, status="succeeded"
    )

    assert ask(alice, f"/cancel #{done.pk}").code == "already_ended"
    assert Deployment.objects.get().status == "succeeded"


def test_twenty_who_ask_for_the_same_wait_for_one_another_in_order(ask, shop):
    people = [factories.person(f"p{n}", role="deployer") for n in range(20)]

    replies = [ask(person, "/deploy shop to prod") for person in people]

    numbers = [reply.deployment_id for reply in replies]
    assert replies[0].code == "requested"
    assert [reply.params["behind"] for reply in replies[1:]] == numbers[:-1]


def test_a_guest_learns_nothing_about_apps(ask, shop):
    guest = factories.person("guest")

    known, unknown = ask(guest, "/deploy shop to prod", apps=()), ask(guest, "/deploy sohp to prod", apps=())

    assert known.code == unknown.code == "unknown_app"
    assert known.suggest == unknown.suggest == ("/apps",)
    assert AuditEntry.objects.count() == 2


def test_a_deployer_of_staging_may_not_deploy_production(ask, shop):
    someone = factories.person("erin", role="deployer", environment="staging")

    assert ask(someone, "/deploy shop to prod").code == "no_permission"
    assert ask(someone, "/deploy shop to staging").code == "requested"
    assert AuditEntry.objects.filter(outcome="no_permission", target="shop/production").exists()
