"""The matrix: every address, frame, command, call and button × every role × what is one's own and what is not.

Whoever may not, gets the answer that there is nothing, changes nothing, and reads no name of what they may not see.
An entry point that is not in tests/proof/entries.py fails here.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as live_settings
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse

import bot
from bot.commands import COMMANDS as BUILT
from bot.invocation import Invocation
from chatops.room import session
from chatops.room.models import Room
from chatops.slack import card
from deploy_core.ledger import journal
from deploy_core.models import (
    App,
    AuditEntry,
    Credential,
    Deployment,
    Environment,
    Freeze,
    Grant,
    Group,
    Lock,
    Person,
    Placement,
    Secret,
    Server,
    Team,
    Window,
)  # fmt: skip
from deploy_core.rules import plan
from deploy_core.rules.grants import ACTIONS
from tests import factories
from tests.proof.entries import BUTTONS, COMMANDS, FRAMES, PAGES, ROLES, Frame, Page
from tests.room.conftest import Client as SocketClient
from tests.room.conftest import sign_in
from tests.spoiling import lift

#: Of what nobody but the owner may see.
MARKS = ("hidden-1", "srv/hidden", "hidden reason")
COUNTED = (
    App,
    Credential,
    Deployment,
    Environment,
    Freeze,
    Grant,
    Group,
    Lock,
    Person,
    Placement,
    Secret,
    Server,
    Team,
    Window,
    Room,
)


class World:
    """shop is everybody's own, in the room demo; vault is nobody's, in a closed room that nobody is in."""

    def __init__(self) -> None:
        self.people = {role: factories.person(role) for role in ROLES[1:]}
        shop, vault = factories.app("shop"), factories.app("vault")
        for role in ("viewer", "deployer", "approver", "manager"):
            factories.grant(self.people[role], role, app=shop)
        factories.grant(self.people["owner"], "manager")
        self.names = {
            "deployment": self._deployment(shop, "staging", "web-1"),
            "hidden": self._deployment(vault, "sealed", "hidden-1"),
        }
        factories.environment(shop, "production", servers=(Server.objects.get(name="web-1"),), position=1, path="srv/p")
        Environment.objects.filter(app=vault).update(path="srv/hidden")
        for prefix, app in (("", shop), ("hidden_", vault)):
            hours = {"opens": "00:00", "closes": "00:01", "days": [0], "reason": "hidden reason" if prefix else "x"}
            self.names[f"{prefix}window"] = Window.objects.create(app=app, environment="none", **hours).pk
            author = self.people["owner"]
            freeze = Freeze.objects.create(
                app=app, environment="none", author=author, reason=hours["reason"], starts="2020-01-01T00:00Z"
            )
            self.names[f"{prefix}freeze"] = freeze.pk
            step = Deployment.objects.get(app=app).steps.first()
            assert step is not None
            self.names[f"{prefix}step"] = step.pk
        members = tuple(self.people[role] for role in ROLES[2:])
        self.names["room"] = factories.room("demo", members=members, apps=(shop,)).pk
        self.names["hidden_room"] = factories.room("secret", apps=(vault,), is_closed=True).pk
        self.names["team"] = Team.objects.create(name="team").pk
        self.names["person"] = self.people["viewer"].pk
        self.keys = {role: sign_in(person) for role, person in self.people.items()}
        self.before = state()  # nothing that the tests do changes it

    def _deployment(self, app: App, name: str, server: str) -> int:
        place = factories.environment(app, name, servers=(factories.server(server),))
        Secret.objects.create(environment=place, name="TOKEN", for_builds=True)
        made = Deployment.objects.create(app=app, environment=place, ref="main", requested_by=self.people["owner"])
        journal.store_steps(made.pk, plan.lay_out("deploy", [server]))
        return made.pk

    def client(self, role: str) -> Client:
        client = Client()
        if role != "anonymous":
            client.cookies[live_settings.SESSION_COOKIE_NAME] = self.keys[role]
        return client

    def fill(self, value: Any, *, foreign: bool = False) -> Any:
        """`{deployment}` and its like as numbers; `foreign`: those of the vault."""
        if isinstance(value, dict):
            return {key: self.fill(each, foreign=foreign) for key, each in value.items()}
        if isinstance(value, list):
            return [self.fill(each, foreign=foreign) for each in value]
        if not isinstance(value, str):
            return value
        names = dict(self.names)
        if foreign:
            swapped = {"deployment": "hidden", "step": "hidden_step", "room": "hidden_room"}
            names |= {own: names[other] for own, other in swapped.items()}
        if whole := re.fullmatch(r"\{(\w+)\}", value):
            return names[whole[1]]
        return re.sub(r"\{(\w+)\}", lambda found: str(names[found[1]]), value)


def rank(role: str) -> int:
    return ROLES.index(role) if role in ROLES else len(ROLES)


#: Rows of the audit about looking, which whoever looks may cause.
OWN_ACTS = ("sign_in", "audit.export")


def state() -> dict[str, Any]:
    """What nobody may change who may not: how many there are of everything, and how it stands."""
    counts = ", ".join(f"(select count(*) from {model._meta.db_table})" for model in COUNTED)  # one query, often asked
    with connection.cursor() as cursor:
        cursor.execute(f"select {counts}")
        told = cursor.fetchone()
    found: dict[str, Any] = dict(zip((model.__name__ for model in COUNTED), told, strict=True))
    found["statuses"] = list(Deployment.objects.order_by("pk").values_list("status", "cancel_requested"))
    found["paths"] = list(Environment.objects.order_by("pk").values_list("path", "is_protected"))
    found["open"] = Freeze.objects.filter(lifted__isnull=True).count()
    found["done"] = AuditEntry.objects.filter(outcome__in=("done", "accepted")).exclude(action__in=OWN_ACTS).count()
    return found


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Committed once for the module: sockets read it from threads of their own."""
    with django_db_blocker.unblock():
        if "deploy_core_app" not in connection.introspection.table_names():
            call_command("migrate", verbosity=0)
            lift()
        yield World()
        call_command("flush", interactive=False, verbosity=0)


@pytest.fixture(autouse=True)
def _may_read(django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


# --- the table is whole -----------------------------------------------------------------------------------------------
def addresses() -> Iterator[tuple[str, str]]:
    """Name (or path, where it has none) and pattern of every address."""

    def walk(patterns: Any, before: str = "") -> Iterator[tuple[str, str]]:
        for each in patterns:
            pattern = before + str(each.pattern)
            if isinstance(each, URLResolver):
                yield from walk(each.url_patterns, pattern)
            else:
                yield each.name or "/" + pattern.replace("<int:number>", "{deployment}"), pattern

    yield from walk(get_resolver().url_patterns)


HOW = "Add a line to tests/proof/entries.py (its first lines say how) and run this file again. New: "


def test_every_entry_point_is_in_the_table():
    found = {
        "PAGES": ({name for name, _ in addresses()}, set(PAGES)),
        "FRAMES": (set(session._HANDLERS), set(FRAMES)),
        "COMMANDS": (set(BUILT), set(COMMANDS)),
        "BUTTONS": (set(card.LINES), set(BUTTONS)),
    }

    for table, (there, known) in found.items():
        assert there - known == set(), f"{table}: {HOW}{', '.join(sorted(there - known))}"
        if table != "BUTTONS":
            assert known - there == set(), f"{table} has what is not there any more: {sorted(known - there)}"


# --- addresses --------------------------------------------------------------------------------------------------------
OUT = (401, 403, 404, 410)


def path_of(name: str, page: Page, world: World, places: dict[str, Any]) -> str:
    if name.startswith("/"):
        return str(world.fill(name)) + page.query
    return reverse(name, kwargs=world.fill(places)) + page.query


def is_out(answer: Any) -> bool:
    is_sent_away = answer.status_code == 302 and answer["Location"].startswith("/accounts/sign-in/?next")
    return answer.status_code in OUT or is_sent_away


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("role", ROLES)
def test_an_address_lets_in_whom_it_should(world: World, role: str, name: str):
    page, client = PAGES[name], world.client(role)
    own = path_of(name, page, world, page.own)
    may_look = rank(role) >= rank(page.least)
    if page.takes_get and name not in ("link", "slack-link"):
        answer = client.get(own)
        assert answer.status_code < 500
        assert is_out(answer) is not may_look, (answer.status_code, answer.headers.get("Location"))
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert role == "owner" or not any(mark in body.decode("latin1") for mark in MARKS)

    if page.foreign and not (role == "owner" and page.is_owners):
        other = path_of(name, page, world, page.foreign)
        answers = [client.get(other)] if page.takes_get else []
        answers.append(client.post(other, world.fill(page.data or {})))
        assert all(is_out(each) for each in answers), [each.status_code for each in answers]
        assert state() == world.before

    if page.data is not None and rank(role) < rank(page.acts or page.least):
        answer = client.post(own, world.fill(page.data))
        assert answer.status_code < 500
        assert state() == world.before, "changed by somebody who may not"


HOSTILE = (
    "offset=-1&limit=abc&page=-1&before=99999999999999999999&after=x&at=nonsense&q=%ff%fe&find=%27%22%3C&who=%F0%9F%98%80",
    "path=../../etc/passwd&offset=abc&since=2026-13-45&until=..&step=%2e%2e%2f&until=-1&tail=1e9&s=%ED%A0%80",
    "next=//evil.example&next=javascript:alert(1)&said=page:x&level=%5B%5D&theme=%3Cscript%3E&app=" + "a" * 5000,
)


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if page.takes_get])
def test_nothing_in_an_address_makes_an_error(world: World, name: str):
    page, client = PAGES[name], world.client("owner")
    path = path_of(name, page, world, page.own).partition("?")[0]

    answers = [client.get(f"{path}?{query}") for query in HOSTILE]

    assert [each.status_code for each in answers if each.status_code >= 500] == []
    assert {urlsplit(each.headers.get("Location", "")).netloc for each in answers} == {""}, "sent to another site"
    assert not any(b"<script>alert" in each.content for each in answers if not each.streaming)
    for each in answers:
        each.close()


# --- frames -----------------------------------------------------------------------------------------------------------
HIDING = {"not_found", "forbidden", "read_only"}


async def _answer(world: World, role: str, name: str, frame: Frame, *, foreign: bool) -> dict[str, Any] | None:
    """What a frame is answered with, by a real socket; None: nothing, up to the answer to a ping after it."""
    client = SocketClient(world.keys[role])
    assert await client.connect()
    fields = world.fill(frame.fields, foreign=foreign)
    try:
        if name != "hello":
            await client.hello()
        await client.send({"t": name, **fields})
        await client.send({"t": "ping", "n": 77})
        await client.next("pong", where=lambda got: got["n"] == 77)
        told = [each for each in client.frames if each["t"] not in ("presence", "typing")]
        return told[0] if told else None
    finally:
        await client.socket.disconnect()


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("role", ROLES)
async def test_a_frame_shows_and_does_what_it_may(world: World, role: str, name: str):
    frame = FRAMES[name]
    if role == "anonymous":
        accepted = await SocketClient("none").connect()
        assert not accepted
        return
    own = await asyncio.wait_for(_answer(world, role, name, frame, foreign=False), 20)
    if frame.about in ("stream", "room") and role == "nobody":
        assert own is None or own["t"] == "err", own
    if frame.about == "stream" and role != "nobody":
        assert own is not None
        assert own["t"] != "err", own
    if frame.about and not (role == "owner" and frame.about in ("stream", "want")):
        hidden = await asyncio.wait_for(_answer(world, role, name, frame, foreign=True), 20)
        assert not any(mark in json.dumps(hidden) for mark in MARKS)
        if frame.about == "want":
            assert hidden is not None
            assert (hidden["t"], hidden.get("reason")) == ("reset", "access")
        elif frame.about != "words" and hidden is not None:
            assert (hidden["t"], hidden["code"] in HIDING) == ("err", True), hidden
        assert await asyncio.to_thread(_unblocked, state) == world.before


def _unblocked(work: Any) -> Any:
    try:
        return work()
    finally:
        connection.close()


# --- commands, and buttons of Slack -----------------------------------------------------------------------------------
def least_of(permission: str) -> str:
    role = ACTIONS[permission]  # type: ignore[index]
    return "nobody" if role == "viewer" else role


def hear(world: World, role: str, line: str, surface: Any = "web") -> tuple[Any, bool]:
    """The bot's reply, and whether anything changed; what changed is taken back."""
    is_in = role != "nobody"
    with transaction.atomic():
        reply = bot.handle(
            Invocation(
                line, world.people[role], surface, room="demo" if is_in else "", default_app="shop" if is_in else "",
                apps=("shop",) if is_in else (), client_id=f"{role}:{line}"[:60],
            )
        )  # fmt: skip
        is_changed = state() != world.before
        transaction.set_rollback(True)
    return reply, is_changed


def foreign_line(world: World, line: str) -> str:
    return (
        str(world.fill(line, foreign=True))
        .replace("shop", "vault")
        .replace("staging", "sealed")
        .replace("production", "sealed")
    )


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("role", ROLES)
def test_a_command_does_what_its_author_may(world: World, role: str, name: str):
    if role == "anonymous":
        assert not Person.objects.filter(
            username="anonymous"
        ).exists()  # a line has an author, whatever door it came by
        return
    command, line = BUILT[name], COMMANDS[name]
    reply, is_changed = hear(world, role, world.fill(line))
    assert reply.code != "internal"
    if rank(role) < rank(least_of(command.permission)):
        assert reply.is_error, reply.code
        assert not is_changed
    elif role != "nobody":
        assert reply.code != "no_permission"

    if ("shop" in line or "{" in line) and role != "owner":
        reply, is_changed = hear(world, role, foreign_line(world, line))
        told = json.dumps(dict(reply.params), default=str)
        assert not any(mark in told for mark in MARKS), told
        assert not is_changed
        if command.permission != "view":
            assert reply.is_error


@pytest.mark.parametrize("name", sorted(BUTTONS.keys() & card.LINES.keys()))
@pytest.mark.parametrize("role", ROLES[1:])
def test_a_button_of_slack_is_the_line_it_stands_for(world: World, role: str, name: str):
    line = card.LINES[name].format(number=world.names["deployment"], app="shop", environment="staging")
    reply, is_changed = hear(world, role, f"/{line}", "slack")
    if rank(role) < rank(BUTTONS[name]):
        assert reply.is_error
        assert not is_changed

    hidden = card.LINES[name].format(number=world.names["hidden"], app="vault", environment="sealed")
    reply, is_changed = hear(world, role, f"/{hidden}", "slack")
    if role != "owner":
        assert reply.is_error
        assert not is_changed
