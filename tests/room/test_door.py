"""Whoever speaks is looked at each time: by their session, by whether they are active, and by their password."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from chatops.room import authors, door
from tests import factories


@pytest.fixture
def alice(db):
    return factories.person("alice")


@pytest.fixture
def here(alice, client):
    """Alice's session."""
    client.force_login(alice)
    identity = door.identify(client.session.session_key)
    assert identity is not None
    return identity


def _found(identity):
    """Who it is: asked for a command, for all who have a page open, and for lines of chat."""
    return (
        door.person_of(identity),
        door.people_of([identity]).get(identity),
        authors.signed_in([identity]).get(identity),
    )


def _sign_out(alice, here):
    Session.objects.all().delete()


def _let_it_end(alice, here):
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))


def _deactivate(alice, here):
    alice.is_active = False
    alice.save()


def _change_password(alice, here):
    alice.set_password("battery staple")
    alice.save()


def test_a_session_speaks_for_its_person(alice, here):
    assert _found(here) == (alice, alice, alice)


@pytest.mark.parametrize("change", [_sign_out, _let_it_end, _deactivate, _change_password])
def test_it_speaks_for_nobody_once_it_is_over(alice, here, change):
    change(alice, here)

    assert _found(here) == (None, None, None)
