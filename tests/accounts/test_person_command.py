"""`manage.py person`: how people come to be, and get their rights, without a web page."""

from io import StringIO
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command

from deploy_core.ledger import audit
from deploy_core.models import AuditEntry, Person
from deploy_core.safety import access
from tests import factories

pytestmark = pytest.mark.django_db


def person(*words: str) -> str:
    out = StringIO()
    call_command("person", *words, stdout=out)
    return out.getvalue().strip()


def test_a_new_person_comes_in_by_the_printed_link(client, settings):
    settings.PUBLIC_URL = "https://ship.example"

    address = person("add", "alice", "--grant", "deployer")

    assert address.startswith("https://ship.example/accounts/link/")
    assert client.post(urlsplit(address).path).status_code == 302
    alice = Person.objects.get(username="alice")
    assert client.session["_auth_user_id"] == str(alice.pk)
    assert not alice.has_usable_password()
    assert access.can(alice, "deploy", "anything", "production")


def test_another_link_replaces_nothing(client):
    first, second = person("add", "alice"), person("link", "alice", "--hours", "2")

    assert [client.post(urlsplit(each).path).status_code for each in (first, second)] == [302, 302]


def test_a_role_is_given_and_taken_for_one_app_and_environment():
    alice = factories.person("alice")
    factories.app("shop")

    person("grant", "alice", "approver", "--app", "shop", "--environment", "staging")
    person("grant", "alice", "approver", "--app", "shop", "--environment", "staging")

    assert access.can(alice, "approve", "shop", "staging")
    assert not access.can(alice, "approve", "shop", "production")
    assert "alice: person; approver on shop/staging" in person("list")

    person("revoke", "alice", "approver", "--app", "shop", "--environment", "staging")
    assert not access.can(alice, "approve", "shop", "staging")


def test_every_change_is_in_the_audit_chain():
    person("add", "alice", "--grant", "viewer")
    person("revoke", "alice", "viewer")

    assert list(AuditEntry.objects.values_list("action", flat=True)) == ["person.add", "person.grant", "person.revoke"]
    assert audit.verify().broken_at is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "alice"), "already exists"),
        (("add", "a b\n"), "valid username"),
        (("link", "nobody"), "There is no nobody"),
        (("link", "robot"), "may not sign in"),
        (("grant", "alice", "viewer", "--app", "nothing"), "There is no app nothing"),
        (("revoke", "alice", "viewer"), "alice is not viewer"),
        (("grant", "alice", "emperor"), "invalid choice"),
    ],
)
def test_a_mistake_is_said_and_changes_nothing(words, says):
    factories.person("alice")
    person("add", "robot", "--service")
    before = AuditEntry.objects.count()

    with pytest.raises(CommandError, match=says):
        person(*words)

    assert AuditEntry.objects.count() == before
