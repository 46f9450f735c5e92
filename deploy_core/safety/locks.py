"""Who holds an environment: one open lock per scope, until it is given back, stolen, runs out, or its owner leaves.

All rows of locks that a transaction ends or writes come before the first line of audit: everybody needs the audit's
head, and who holds it must wait for nobody.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from deploy_core.errors import Refused
from deploy_core.ledger import audit, notices
from deploy_core.models import App, Deployment, Environment, Freeze, Lock, Person
from deploy_core.models.statements import as_time, execute, insert_if_new, select

from . import access

EVERYWHERE = "*"


class Taken(NamedTuple):
    """A lock, and whose it was before if it was taken away from somebody."""

    lock: Lock
    stolen_from: Person | None


_STANDING = """
    WHERE lock.released IS NULL AND (lock.expires IS NULL OR lock.expires > %s) AND owner.is_active
"""
_END = 'UPDATE "deploy_core_lock" SET released = %s WHERE id = %s AND released IS NULL'
_LAPSED = "lock.expires <= %s OR NOT owner.is_active"
#: Of an app (NULL: of every app) and an environment, whether it alone or more.
_OVER = "(lock.app_id = %s OR lock.app_id IS NULL) AND lock.environment IN ('*', %s)"


def standing() -> list[Lock]:
    """The locks that hold now, the oldest first."""
    return _locks(_STANDING, _now())


def _locks(where: str, *values: Any) -> list[Lock]:
    return select(Lock, f"{where} ORDER BY lock.id", values, related=("app", "owner"))


def _now() -> Any:
    return as_time(timezone.now())


def covers(held: Lock | Freeze, environment: Environment) -> bool:
    """Whether a lock or a freeze is about an environment."""
    return held.app_id in (None, environment.app_id) and held.environment in (EVERYWHERE, environment.name)


def of_another(app: App, environment: str, person: Person) -> Lock | None:
    """A lock that keeps `person` out."""
    held = _locks(f"{_STANDING} AND {_OVER}", _now(), app.pk, environment)
    return next((lock for lock in held if lock.owner_id != person.pk), None)


def in_the_way(deployments: Iterable[Deployment]) -> dict[int, Lock]:
    """For each of `deployments` that somebody else's lock keeps from starting, that lock."""
    locks = standing()
    return {each.pk: lock for each in deployments if (lock := next((x for x in locks if _holds_back(x, each)), None))}


def _holds_back(lock: Lock, deployment: Deployment) -> bool:
    return (
        not deployment.is_forced
        and lock.owner_id != deployment.requested_by_id
        and covers(lock, deployment.environment)
    )


@transaction.atomic
def take(
    app: App | None,
    environment: str,
    *,
    by: Person,
    reason: str = "",
    until: datetime | None = None,
    steal: bool = False,
) -> Taken:
    """Lock `environment` (`*`: all) of `app` (None: every app) for `by`; one's own lock gets the new reason and end.

    Without `until` it ends after `LOCK_S`. With `steal` one on the same scope changes hands, and its owner is told.

    Raises:
        Forbidden: `by` may not lock there.
        Refused: `locked`: it is somebody else's.
    """
    access.require(by, "lock", app.name if app else EVERYWHERE, environment)
    until = until or timezone.now() + timedelta(seconds=settings.LOCK_S)
    now, app_id = _now(), app.pk if app else None
    found = _locks(f"WHERE lock.released IS NULL AND ({_LAPSED} OR {_OVER})", now, app_id, environment)
    lapsed = [lock for lock in found if _has_lapsed(lock) and _end(lock)]
    held = [lock for lock in found if not _has_lapsed(lock)]
    mine = [lock for lock in held if lock.owner_id == by.pk and _is_on(lock, app_id, environment)]
    for lock in mine:
        lock.reason, lock.expires = reason, until
        if Lock.objects.filter(pk=lock.pk, released__isnull=True).update(reason=reason, expires=until):
            return _taken(lock, None, lapsed)
    others = [lock for lock in held if lock.owner_id != by.pk]
    same = next((lock for lock in others if _is_on(lock, app_id, environment)), None)
    wall = next((lock for lock in others if not (steal and lock is same)), None)
    if wall:
        raise Refused("locked", **told(wall))
    if same:
        _end(same)
    lock = Lock(app=app, environment=environment, owner=by, reason=reason, expires=until)
    while not insert_if_new(lock):
        for faster in _locks(f"WHERE lock.released IS NULL AND {_OVER}", app_id, environment):
            if _is_on(faster, app_id, environment):
                raise Refused("locked", **told(faster))
    return _taken(lock, same, lapsed)


def _is_on(lock: Lock, app_id: int | None, environment: str) -> bool:
    return lock.app_id == app_id and lock.environment == environment


def _has_lapsed(lock: Lock) -> bool:
    return not lock.owner.is_active or (lock.expires is not None and lock.expires <= timezone.now())


def _taken(lock: Lock, stolen: Lock | None, lapsed: list[Lock]) -> Taken:
    _tell_lapsed(lapsed)
    if stolen:
        notices.tell("lock_stolen", told(stolen) | {"by": lock.owner.username}, app=stolen.app, person=stolen.owner)
    more = {"stolen_from": stolen.owner.username} if stolen else {}
    audit.record(lock.owner, "lock.take", scope_text(lock), "done", reason=lock.reason, **more)
    return Taken(lock, stolen.owner if stolen else None)


@transaction.atomic
def release(app: App | None, environment: str, *, by: Person, force: bool = False) -> Lock:
    """Give the lock of this scope back. With `force` also somebody else's, who is told.

    Raises:
        Forbidden: `by` may not lock there.
        Refused: `not_locked`, or `lock_not_yours`.
    """
    access.require(by, "lock", app.name if app else EVERYWHERE, environment)
    app_id = app.pk if app else None
    held = _locks(f"{_STANDING} AND {_OVER}", _now(), app_id, environment)
    lock = next((lock for lock in held if _is_on(lock, app_id, environment)), None)
    if lock is None:
        raise Refused("not_locked", **place(app, environment))
    if lock.owner_id != by.pk:
        if not force:
            raise Refused("lock_not_yours", **told(lock))
        notices.tell("lock_removed", told(lock) | {"by": by.username}, app=lock.app, person=lock.owner)
    _end(lock)
    audit.record(by, "lock.release", scope_text(lock), "done", owner=lock.owner.username)
    return lock


@transaction.atomic
def release_mine(by: Person) -> list[Lock]:
    """Give all of one's locks back."""
    mine = [lock for lock in standing() if lock.owner_id == by.pk and _end(lock)]
    for lock in mine:
        audit.record(by, "lock.release", scope_text(lock), "done", owner=by.username)
    return mine


def lapse() -> int:
    """End the locks whose time is over or whose owner was deactivated, and say so; how many."""
    if not _lapsed():
        return 0  # as nearly every second: no transaction, which would wait for all other writers, for nothing
    with transaction.atomic():
        lapsed = [lock for lock in _lapsed() if _end(lock)]
        _tell_lapsed(lapsed)
    return len(lapsed)


def _lapsed() -> list[Lock]:
    return _locks(f"WHERE lock.released IS NULL AND ({_LAPSED})", _now())


def _tell_lapsed(lapsed: Iterable[Lock]) -> None:
    for lock in lapsed:
        code = "announce.lock_expired" if lock.owner.is_active else "announce.lock_lapsed"
        notices.tell(code, told(lock), app=lock.app)
        audit.record(None, "lock.lapse", scope_text(lock), "done", owner=lock.owner.username)


def _end(lock: Lock) -> bool:
    return bool(execute(_END, (_now(), lock.pk)))


def told(lock: Lock) -> dict[str, Any]:
    """A lock as the parameters of a sentence."""
    return {
        **place(lock.app, lock.environment),
        "by": lock.owner.username,
        "since": moment(lock.created),
        "until": moment(lock.expires),
        "reason": lock.reason,
    }


def place(app: App | None, environment: str) -> dict[str, Any]:
    """A scope as parameters of a sentence."""
    return {
        "app": app.name if app else {"code": "word.every_app", "params": {}},
        "environment": environment if environment != EVERYWHERE else {"code": "word.every_environment", "params": {}},
    }


def moment(at: datetime | None) -> Any:
    """A time as a parameter that each reader sees in their own zone; empty for none."""
    return {"at": at.isoformat(timespec="seconds")} if at else ""


def scope_text(row: Any) -> str:
    """`shop/production`, with `*` for all, of anything that has an app and an environment's name."""
    return f"{row.app.name if row.app else EVERYWHERE}/{row.environment}"
