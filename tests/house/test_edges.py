"""The edges: hosts and origins that are not ours, a stranger in Redis, and packages that are what they were."""

import asyncio
import json
import re

import pytest
import redis
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.db import OperationalError, connection
from django.test import Client

from chatops.room import doorbell
from chatops.room.models import Message, Stream
from chatops.room.streams import heads
from deploy_core.models import AuditEntry, Deployment
from tests import factories
from tests.house.checkout import ROOT


@pytest.mark.django_db
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "evil.example:8000", "", "a b"]
)
def test_another_host_is_turned_away(client, host):
    answer = client.get("/accounts/sign-in/", headers={"Host": host}, SERVER_NAME="evil.example")

    assert answer.status_code == 400
    assert b"evil.example" not in answer.content


@pytest.mark.django_db
@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://testserver.evil.example", "http://testserver:8443", "ftp://testserver"],
)
def test_a_form_sent_by_another_page_is_refused_though_it_has_the_token(origin):
    client = Client(enforce_csrf_checks=True)
    client.force_login(factories.person("alice"))
    page = client.get("/accounts/password/", follow=True).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
    body = {"csrfmiddlewaretoken": token, "visit": "others"}

    refused = client.post("/accounts/sessions/end/", body, headers={"Origin": origin})
    taken = client.post("/accounts/sessions/end/", body, headers={"Origin": "http://testserver"})

    assert (refused.status_code, taken.status_code) == (403, 302)


@pytest.mark.django_db
def test_a_form_without_its_token_is_refused():
    client = Client(enforce_csrf_checks=True)
    client.force_login(factories.person("alice"))

    assert client.post("/accounts/sessions/end/", {"visit": "others"}).status_code == 403


@pytest.mark.django_db
def test_where_the_database_is_away_pages_and_programs_are_told_to_come_again(client):
    client.force_login(factories.person("alice"))

    def away(*query: object) -> None:
        raise OperationalError("the database system is starting up")

    with connection.execute_wrapper(away):
        page, answer = client.get("/people/"), client.get("/api/v1/status", headers={"Authorization": "Bearer pd_x"})

    assert (page.status_code, answer.status_code) == (503, 503)
    assert (page.headers["Retry-After"], answer.headers["Retry-After"]) == ("5", "5")
    assert "Nothing was changed" in page.text
    assert answer.json()["error"]["code"] == "unavailable"


#: What somebody who reaches Redis may write where our wake-ups go.
FORGED = [
    {"type": "ring", "stream": "room:1", "number": 10**9},
    {"type": "ring", "stream": "room:1", "number": -1},
    {"type": "ring", "stream": "../../etc", "number": "x"},
    {"type": "websocket.close"},
    {"type": "post", "text": "/deploy shop to production", "author": "alice"},
    {"type": "ring"},
    {"type": "told", "stream": "room:1"},
    {"type": "told", "stream": "room:1", "of": 7, "kind": "presence", "what": [None]},
]


async def test_a_stranger_in_redis_changes_nothing_but_the_time_it_takes(transactional_db, redis_url, caplog):
    alice = await asyncio.to_thread(factories.person, "alice")
    room = await asyncio.to_thread(lambda: factories.room("demo", members=(alice,)))
    stream = Stream("room", room.pk)
    layer = RedisPubSubChannelLayer(hosts=[redis_url])
    heard: list[tuple[Stream, int]] = []
    bell = doorbell.Doorbell(layer, lambda where, number: heard.append((where, number)))
    await bell.join(stream)
    tasks = bell.start()
    stranger = redis.Redis.from_url(redis_url)
    before = await asyncio.to_thread(_counts)

    for told in FORGED:
        await layer.group_send(doorbell.group(stream), told)
    for raw in (b"\x80\x04nonsense", b"", b"\xff" * 100, json.dumps(FORGED[0]).encode()):
        for channel in stranger.pubsub_channels("*"):
            stranger.publish(channel, raw)
    await layer.group_send(doorbell.group(stream), {"type": "ring", "stream": str(stream), "number": 3})
    for _ in range(400):
        if (stream, 3) in heard:
            break
        await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    stranger.close()

    assert (stream, 3) in heard, "the real ring after all that is heard"
    assert {type(number) for _, number in heard} == {int}
    assert await asyncio.to_thread(_counts) == before
    assert (await asyncio.to_thread(heads, [stream]))[stream].number == 0, "what was claimed is not believed"


def _counts() -> tuple[int, ...]:
    return Message.objects.count(), Deployment.objects.count(), AuditEntry.objects.count()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_package_is_pinned_with_hashes(name):
    text = (ROOT / name).read_text().replace("\\\n", " ")
    pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]

    assert len(pins) > 40
    assert [
        line.split()[0]
        for line in pins
        if not re.match(r"[\w.\[\],-]+==[\w.!+]+( ;.*)? .*--hash=sha256:[0-9a-f]{64}", line)
    ] == []
    assert "--index-url" not in text
    assert "--trusted-host" not in text
    for floor in ("daphne==4.2.", "paramiko==5.", "cryptography=="):
        assert floor in text or floor in (ROOT / "requirements.txt").read_text()
