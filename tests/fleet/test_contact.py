"""First contact with a real server: seen, compared and trusted by a person, then logged in to."""

from collections.abc import Iterator

import pytest
from django.test import override_settings
from django.utils import timezone

from chatops.room import asides, messages
from chatops.room.models import Event
from deploy_core.models import AuditEntry, Errand, Notice, Server
from deploy_core.reach import credentials
from deploy_core.run import errands
from tests import factories
from tests.services import openssh
from tests.services.openssh import Sshd
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def sshd() -> Iterator[Sshd]:
    """One OpenSSH server."""
    with openssh.running() as servers:
        yield servers[0]


@pytest.fixture
def server(sshd):
    """A server of an environment, whose key nobody has confirmed."""
    login = factories.credential("deploy")
    credentials.keep_key(login, sshd.key.pem)
    login.save()
    at = sshd.address
    made = factories.server("web-1", host=at.host, port=at.port, user=at.user, credential=login)
    factories.environment(factories.app("shop"), "staging", servers=(made,), path=f"{sshd.folder}/srv/shop")
    return made


@pytest.fixture
def alice():
    return factories.person("alice", role="manager")


@pytest.fixture
def reader(client, alice):
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def visited(reader):
    """Press the button, let the engine do it, read the page."""

    def visit() -> str:
        reader.post("/fleet/servers/web-1/test/")
        return look()

    def look() -> str:
        for pk in Errand.objects.filter(status=errands.PENDING).values_list("pk", flat=True):
            Errand.objects.filter(pk=pk).update(status=errands.RUNNING)
            errands.run(pk)
        return reader.get("/fleet/servers/web-1/").content.decode()

    visit.look = look
    return visit


def _newest() -> Errand:
    return Errand.objects.latest("pk")


def test_a_new_server_shows_its_key_and_hears_nothing_until_a_person_confirms(reader, server, sshd, visited):
    page = visited()

    found = _newest().result
    assert (found["state"], found["key"], found["shell_ms"]) == ("new", sshd.address.host_key, None)
    assert found["fingerprint"] in page
    assert "ssh_host_ed25519_key.pub" in page
    assert "Accepted publickey" not in sshd.log.read_text()
    reader.post("/fleet/servers/web-1/trust/", {"errand": _newest().pk})
    server.refresh_from_db()
    assert server.host_key == ""
    reader.post("/fleet/servers/web-1/trust/", {"errand": _newest().pk, "compared": "yes"})
    server.refresh_from_db()
    assert server.host_key == sshd.address.host_key
    entry = AuditEntry.objects.get(action="server.trust")
    assert (entry.actor.username, entry.params["fingerprint"]) == ("alice", found["fingerprint"])

    page = visited.look()

    found = _newest().result
    assert (found["state"], found["lacks"], "tar" in found["tools"]) == ("ok", [], True)
    [place] = found["places"]
    assert (place["path"], place["writable"], place["free_kb"] > 0) == (f"{sshd.folder}/srv/shop", True, True)
    assert "It is ready." in page


def test_a_changed_key_blocks_and_says_so_until_a_person_trusts_the_new_one(reader, server, sshd, visited):
    Server.objects.update(host_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA")

    page = visited()

    assert _newest().result["state"] == "changed"
    assert "another host key than the confirmed one" in page
    assert "Trust the new key" in page
    reader.post("/fleet/servers/web-1/trust/", {"errand": _newest().pk, "compared": "yes"})
    server.refresh_from_db()
    assert server.host_key == sshd.address.host_key


def test_a_key_that_is_not_the_same_is_never_pinned(reader, server, visited):
    visited()
    errand = _newest().pk

    reader.post("/fleet/servers/web-1/trust/", {"errand": errand, "distrust": "yes"})
    reader.post("/fleet/servers/web-1/trust/", {"errand": errand, "compared": "yes"})

    server.refresh_from_db()
    assert server.host_key == ""
    assert "found to be wrong" in reader.get("/fleet/servers/web-1/").content.decode()
    assert AuditEntry.objects.filter(action="server.distrust").exists()


def test_a_key_seen_at_another_address_is_not_pinned(reader, server, visited):
    visited()
    Server.objects.update(port=1)

    reader.post("/fleet/servers/web-1/trust/", {"errand": _newest().pk, "compared": "yes"})

    server.refresh_from_db()
    assert server.host_key == ""


def test_what_fails_is_said_where_it_fails(server, sshd, visited, tmp_path):
    Server.objects.update(host_key=sshd.address.host_key)
    credentials.keep_key(server.credential, openssh.make_key(tmp_path / "stranger"))
    server.credential.save()
    assert "refused the login" in visited()

    Server.objects.update(port=openssh.free_port())
    assert "Connection refused" in visited()


def test_only_who_manages_all_tests_and_trusts(client, server):
    bob = factories.person("bob", role="approver")
    client.force_login(bob, backend="django.contrib.auth.backends.ModelBackend")

    assert client.post("/fleet/servers/web-1/test/").status_code == 404
    assert client.post("/fleet/servers/web-1/trust/", {"compared": "yes"}).status_code == 404
    assert not Errand.objects.exists()


def test_a_visit_that_nobody_finishes_is_given_up(reader, server):
    reader.post("/fleet/servers/web-1/test/")
    assert "Visiting it" in reader.get("/fleet/servers/web-1/").content.decode()

    Errand.objects.update(status=errands.RUNNING, created=timezone.now() - timezone.timedelta(hours=1))
    errands.work_off()

    assert "is an engine running?" in reader.get("/fleet/servers/web-1/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_servers_check_answers_at_once_and_again_when_it_knows(alice, server, sshd):
    Server.objects.update(host_key=sshd.address.host_key)
    app = server.environments.get().app
    room = factories.room("demo", members=(alice,), apps=(app,))
    said = messages.post(author=alice, room=room, text="/servers check shop", client_id="c1", surface="web")

    assert said["reply"]["code"] == "servers.checking"
    assert said["reply"]["is_public"] is False
    Errand.objects.update(status=errands.RUNNING)
    errands.run(_newest().pk)
    errands.run(_newest().pk)
    asides.tell_notices()

    assert Notice.objects.count() == 1
    answer = Event.objects.filter(stream_kind="person", stream_id=alice.pk, kind="reply").latest("pk").payload
    assert (answer["code"], answer["room"]) == ("servers.checked", room.pk)
    [row] = answer["params"]["table"]["rows"]
    assert (row[0], row[1]["code"]) == ("web-1", "check.ok")


def test_whoever_was_promised_an_answer_hears_that_none_came(alice, server):
    app = server.environments.get().app
    room = factories.room("demo", members=(alice,), apps=(app,))
    messages.post(author=alice, room=room, text="/servers check shop", client_id="c1", surface="web")
    Errand.objects.update(created=timezone.now() - timezone.timedelta(hours=1))

    errands.work_off()
    errands.work_off()

    [notice] = Notice.objects.all()
    assert (_newest().status, notice.code, notice.person, notice.app) == (errands.LOST, "errand.lost", alice, app)
    assert notice.params["line"] == "/servers check"


@pytest.mark.django_db(transaction=True)
def test_servers_that_nobody_got_to_in_time_are_told_with_the_others(alice, server, settings):
    errands.ask(errands.CHECK, alice, "c1", app="shop", servers=[server.pk])
    Errand.objects.update(
        status=errands.RUNNING, created=timezone.now() - timezone.timedelta(seconds=settings.ERRAND_S)
    )

    errands.run(_newest().pk)

    [row] = Notice.objects.get().params["table"]["rows"]
    assert (row[0], row[1]["code"]) == ("web-1", "timed_out")


@pytest.mark.django_db(transaction=True)
@override_settings(ERRAND_S=60.0)
def test_the_engines_ticker_does_what_waits_once(server):
    person = factories.person("alice", role="manager")
    errand = errands.ask(errands.TEST, person, "c1", server=server.pk)
    assert errands.ask(errands.TEST, person, "c1", server=server.pk) == errand

    errands.work_off()
    errands.work_off()

    wait_until(lambda: _newest().status == errands.DONE, what="the errand is done")
    assert _newest().result["state"] == "new"
