"""A change and the audit's row about it commit together: where the row cannot be written, nothing is done."""

import contextlib
from collections.abc import Callable

import pytest
from django.db import Error, connection, transaction
from django.test import Client

from chatops.api import tokens
from chatops.room import messages
from chatops.trust import granting
from chatops.trust.forms import TeamForm
from deploy_core import deployments, emergency
from deploy_core.models import AuditEntry, BreakGlass, Deployment, Freeze, Grant, Lock, Person, Team
from deploy_core.safety import freezes, locks
from tests import factories
from tests.proof.test_entries import state

pytestmark = pytest.mark.django_db


class Shop:
    """An app in two environments, people, and one of everything that can be undone."""

    def __init__(self) -> None:
        self.alice = factories.person("alice", role="manager")
        self.bob = factories.person("bob", role="manager")
        self.app = factories.app("shop")
        server = factories.server("web-1")
        factories.server("spare")
        self.staging = factories.environment(self.app, "staging", servers=(server,))
        self.production = factories.environment(
            self.app, "production", servers=(server,), approvals_needed=1, position=1, path="srv/p"
        )
        self.room = factories.room("demo", members=(self.alice,), apps=(self.app,))
        self.deployment = deployments.request(self.app, "main", self.staging, by=self.alice, surface="web")
        self.broken = BreakGlass.objects.get(
            deployment=emergency.break_glass(
                self.app, "main", self.production, by=self.alice, reason="the shop is down", surface="web"
            )
        )
        self.lock = locks.take(self.app, "production", by=self.bob).lock
        self.team = Team.objects.create(name="team")
        self.grant = factories.grant(factories.person("carol"), "viewer")
        self.token, _ = tokens.issue(self.bob, "build", scopes=("status",), days=1, by=self.bob)

    def say(self, line: str) -> None:
        messages.post(author=self.alice, room=self.room, text=line, client_id=f"c:{line}"[:60], surface="web")

    def page(self, path: str, **data: str) -> None:
        client = Client(raise_request_exception=False)
        client.force_login(self.alice)
        client.post(path, data)


ACTS: dict[str, Callable[[Shop], object]] = {
    "a deployment": lambda s: deployments.request(s.app, "main", s.staging, by=s.alice, surface="web"),
    "a cancel": lambda s: deployments.cancel(s.deployment, by=s.alice),
    "a lock": lambda s: locks.take(s.app, "staging", by=s.alice),
    "an unlock": lambda s: locks.release(s.app, "production", by=s.bob),
    "a freeze": lambda s: freezes.freeze(s.app, "staging", by=s.alice, reason="x"),
    "broken glass": lambda s: emergency.break_glass(
        s.app, "main", s.production, by=s.bob, reason="the shop is down", surface="web"
    ),
    "a signature": lambda s: emergency.sign(s.broken, by=s.bob, note="seen"),
    "a grant": lambda s: granting.grant(s.bob, by=s.alice, role="viewer", app=s.app, environment="staging"),
    "a grant less": lambda s: granting.revoke(s.grant, by=s.alice),
    "somebody out": lambda s: granting.deactivate(s.bob, by=s.alice),
    "a team": lambda s: granting.keep_team(
        TeamForm({"name": "team", "people": [s.bob.pk]}, instance=s.team), by=s.alice
    ),
    "a team less": lambda s: granting.remove_team(s.team, by=s.alice),
    "a token": lambda s: tokens.issue(s.bob, "other", scopes=("status",), days=1, by=s.bob),
    "a line": lambda s: s.say("/deploy shop to staging"),
    "a line that locks": lambda s: s.say("/lock shop in staging"),
    "an invitation": lambda s: s.page("/people/", add="person", username="erin"),
    "an app's page": lambda s: s.page(
        "/fleet/apps/shop/", name="shop", repository="https://git.example/other.git", default_ref="main"
    ),
    "a server less": lambda s: s.page("/fleet/remove/servers/spare/"),
}


def everything() -> object:
    rows = [Lock.objects.filter(released__isnull=True).count(), Freeze.objects.count(), Grant.objects.count()]
    active = list(Person.objects.order_by("pk").values_list("username", "is_active"))
    signed = BreakGlass.objects.filter(signed__isnull=False).count()
    members = Team.people.through.objects.count()
    addresses = list(Deployment.objects.values_list("app__repository", flat=True))
    return state(), rows, active, signed, members, addresses, tokens.Token.objects.count()


@pytest.mark.parametrize("act", ACTS)
def test_where_the_audit_cannot_be_written_nothing_is_done(act: str):
    shop = Shop()
    before, kept = everything(), AuditEntry.objects.count()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TRIGGER no_audit BEFORE INSERT ON main.deploy_core_auditentry"
            " BEGIN SELECT RAISE(ABORT, 'the audit is read-only'); END"
        )
    try:
        with contextlib.suppress(Error), transaction.atomic():
            ACTS[act](shop)
        assert AuditEntry.objects.count() == kept
        assert everything() == before
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER no_audit")


@pytest.mark.parametrize("act", ACTS)
def test_the_same_act_is_done_and_audited_once_where_it_can_be(act: str):
    shop = Shop()
    before, kept = everything(), AuditEntry.objects.count()

    ACTS[act](shop)

    assert everything() != before
    assert AuditEntry.objects.count() == kept + (2 if act == "broken glass" else 1)
