"""Who stands at the door of a socket or a long poll: from where the page came, and whose session it has."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, get_user
from django.contrib.sessions.models import Session as StoredSession
from django.http import HttpRequest, parse_cookie
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from chatops.accounts import proof
from deploy_core.models import Person
from deploy_core.models.statements import as_time, select

_PORTS = {"http": 80, "https": 443}
#: What a session's key looks like (django.contrib.sessions). Anything else is nobody's, and may be no text at all.
_SESSION_KEY = re.compile(r"[a-z0-9]{8,40}")
_LASTING = "WHERE session.session_key = %s AND session.expire_date > %s"


@dataclass(frozen=True, slots=True)
class Identity:
    """A person by the session that vouches for them. `auth_hash` changes with their password."""

    person_id: int
    name: str
    session_key: str
    auth_hash: str


def is_own_origin(scope: Mapping[str, Any]) -> bool:
    """Whether the page that opens this connection is ours: scheme, host and port, not the host alone."""
    given = [value for name, value in scope["headers"] if name == b"origin"]
    if len(given) != 1:
        return False
    origin = _parts(given[0].decode("latin1"))
    return origin is not None and origin in {_parts(own) for own in (settings.PUBLIC_URL, *settings.OWN_ORIGINS)}


def _parts(url: str) -> tuple[str, str, int] | None:
    try:
        found = urlsplit(url)
        port = found.port
    except ValueError:
        return None
    if found.scheme not in _PORTS or not found.hostname:
        return None
    return found.scheme, found.hostname, port or _PORTS[found.scheme]


def session_key(scope: Mapping[str, Any]) -> str:
    """The session cookie, "" without one."""
    for name, value in scope["headers"]:
        if name == b"cookie":
            key: str | None = parse_cookie(value.decode("latin1")).get(settings.SESSION_COOKIE_NAME)
            if key and _SESSION_KEY.fullmatch(key):
                return key
    return ""


def identify(key: str) -> Identity | None:
    """Whose session `key` is; None when it is nobody's, has ended, or its person may not sign in."""
    session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    person = get_user(cast(HttpRequest, SimpleNamespace(session=session)))
    if not isinstance(person, Person) or not person.is_active:
        return None
    return Identity(person.pk, person.username, key, session.get(HASH_SESSION_KEY, ""))


def person_of(identity: Identity) -> Person | None:
    """The person, if `identity` is still valid at this moment."""
    people = select(Person, "WHERE person.id = %s AND person.is_active", (identity.person_id,))
    sessions = select(StoredSession, _LASTING, (identity.session_key, as_time(timezone.now())))
    for person, session in zip(people, sessions, strict=False):  # one of each, or none
        if constant_time_compare(auth_hash(person.password), identity.auth_hash):
            person.proven = proof.given(session.get_decoded())
            return person
    return None


@lru_cache(maxsize=8192)
def auth_hash(password: str) -> str:
    """What a session of a person with this stored password holds; kept, because it is compared all the time."""
    return Person(password=password).get_session_auth_hash()


def people_of(identities: Iterable[Identity]) -> dict[Identity, Person]:
    """The people whose session still exists, who are active, and whose password is the one they signed in with."""
    asked = set(identities)
    keys = set(
        StoredSession.objects.filter(
            session_key__in={identity.session_key for identity in asked}, expire_date__gt=timezone.now()
        ).values_list("session_key", flat=True)
    )
    people = Person.objects.filter(is_active=True).in_bulk({identity.person_id for identity in asked})
    hashes = {pk: auth_hash(person.password) for pk, person in people.items()}
    return {
        identity: people[identity.person_id]
        for identity in asked
        if identity.session_key in keys
        and constant_time_compare(hashes.get(identity.person_id, ""), identity.auth_hash)
    }
