"""One's own words for whole lines, what one is told about oneself, and what a deployment printed."""

import pytest
from django.utils import timezone

from bot.models import OwnAlias
from chatops.slack.models import Identity, Workspace
from deploy_core.models import Deployment, LogChunk, Step
from deploy_core.safety import locks
from tests import factories
from tests.bot.test_handle import cells


def test_a_word_that_changes_something_is_shown_before_it_runs(ask, alice):
    kept = ask(alice, "/alias hot = /deploy shop to staging")
    shown = ask(alice, "/hot because it is late")

    assert (kept.code, kept.suggest) == ("alias_kept", ("/hot",))
    assert (shown.code, shown.is_public) == ("alias_means", False)
    assert shown.suggest == ("/deploy shop to staging because it is late",)
    assert not Deployment.objects.exists()


def test_a_word_that_only_reads_is_run(ask, alice):
    ask(alice, "/alias now = status shop")

    assert ask(alice, "/now").code == "status.app"
    assert ask(alice, "now in staging", surface="slack").code == "status.app"


def test_a_word_is_its_owners_alone(ask, alice, carol):
    ask(alice, "/alias hot = deploy shop to staging")

    assert ask(carol, "/hot").code == "unknown_command"
    assert ask(carol, "/aliases").code == "aliases.none"
    assert cells(ask(alice, "/aliases"), "alias") == ["hot"]


def test_a_word_is_given_anew_and_dropped(ask, alice):
    ask(alice, "/alias hot = status shop")
    ask(alice, "/alias hot = where shop")

    assert ask(alice, "/hot").code == "where"
    assert ask(alice, "/unalias hto").suggest == ("/unalias hot",)
    assert ask(alice, "/unalias hot").code == "alias_gone"
    assert ask(alice, "/hot").code == "unknown_command"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("/alias lock = status shop", "reserved"),
        ("/alias shop = status shop", "alias_is_app"),
        ("/alias hot = hello there", "unknown_command"),
        ("/alias hot = deploy sohp to staging", "unknown_app"),
        ("/alias hot = alias x = status", "alias_of_nothing"),
        ("/alias hot", "syntax"),
        ("/unalias hot", "unknown_alias"),
    ],
)
def test_a_word_that_could_not_be_used_is_refused(ask, alice, line, code):
    reply = ask(alice, line)

    assert (reply.code, reply.is_error) == (code, True)
    assert reply.suggest
    assert not OwnAlias.objects.exists()


def test_there_is_an_end_to_words(ask, alice, monkeypatch):
    monkeypatch.setattr("bot.commands.own.MOST", 1)
    ask(alice, "/alias a = status")

    assert ask(alice, "/alias a = where").code == "alias_kept"
    assert ask(alice, "/alias b = status").code == "alias_too_many"


def test_one_is_told_ones_locks(ask, alice, shop):
    locks.take(shop, "staging", by=alice, reason="a migration")

    told = ask(alice, "/whoami").params

    assert told["locks"] == [{"code": "word.place", "params": {"app": "shop", "environment": "staging"}}]
    assert told["zone"] == "UTC"


def test_one_is_told_ones_accounts_elsewhere(ask, alice):
    acme = Workspace.objects.create(team="T024BE7LH", name="Acme", installed=timezone.now())
    Identity.objects.create(workspace=acme, user="U024BE7LH", person=alice)

    assert ask(alice, "/whoami").params["identities"] == ["U024BE7LH in Acme (Slack)"]


def test_everything_has_its_place(ask, alice):
    assert cells(ask(alice, "/envs"), "environment") == ["staging", "production"]
    assert cells(ask(alice, "/envs prod"), "app") == ["shop"]


@pytest.fixture
def printed(alice, staging):
    """A deployment whose build and restarts have printed."""
    made = Deployment.objects.create(app=staging.app, environment=staging, ref="main", requested_by=alice)
    for n, (key, server) in enumerate([("build", ""), ("restart:web-1", "web-1"), ("restart:web-2", "web-2")]):
        kind = key.partition(":")[0]
        step = Step.objects.create(
            deployment=made, key=key, kind=kind, position=n, server_name=server, log_lines=30, log_bytes=1
        )
        for first in (1, 16):
            lines = [f"{1000 * n + i} o \x1b[31m{key}\x1b[0m line {i}" for i in range(first, first + 15)]
            LogChunk.objects.create(step=step, first_line=first, count=15, text="\n".join(lines))
    return made


def test_the_last_lines_are_shown_without_colour(ask, alice, printed):
    reply = ask(alice, f"/logs #{printed.pk}")

    assert (reply.code, reply.is_public) == ("logs", False)
    assert cells(reply, "text")[-1] == "restart:web-2 line 30"
    assert cells(reply, "line") == list(range(11, 31))


def test_a_server_and_a_word_narrow_them(ask, alice, printed):
    one = ask(alice, f"/logs --tail 3 #{printed.pk} web-1")
    some = ask(alice, f'/logs #{printed.pk} --grep "LINE 7" -f')

    assert cells(one, "server") == ["web-1"] * 3
    assert cells(some, "text") == ["build line 7", "restart:web-1 line 7", "restart:web-2 line 7"]
    assert some.params["live"] == {"deployment": printed.pk}
    assert ask(alice, f"/logs #{printed.pk} --grep nothing").code == "logs.none"


def test_only_so_much_is_looked_through(ask, alice, printed, settings):
    settings.LOG_SEARCH_BYTES = 10

    assert cells(ask(alice, f"/logs #{printed.pk} --tail 100"), "line") == list(range(16, 31))


def test_what_one_may_not_see_is_not_there(ask, alice, printed):
    guest = factories.person("guest")

    assert ask(guest, f"/logs #{printed.pk}", apps=()).code == "not_found"
    assert ask(alice, f"/logs #{printed.pk} web-9").code == "unknown_server"
