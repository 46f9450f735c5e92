"""Ask where repositories are hosted what its checks say of revisions that wait, and keep the answer as rows."""

import logging
from collections.abc import Iterable
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import close_old_connections, transaction
from django.utils import timezone

from deploy_core.errors import DeployError, Refused
from deploy_core.models import App, CheckLook, CommitCheck, Forge
from deploy_core.reach import forge
from deploy_core.rules.checks import Check
from deploy_core.safety import checks, due

from . import crew

logger = logging.getLogger(__name__)


def host_of(app: App) -> Forge | None:
    """How the app's host is spoken with, if somebody wrote it down."""
    return Forge.objects.select_related("app").filter(app=app).first()


def ask(app: App, host: Forge | None, revision: str) -> list[Check]:
    """What the app's host says of a revision now. Asks no database.

    Raises:
        Refused: `forge_missing`: nobody wrote down how it is spoken with.
        ReachError, SealError: as `forge.checks`.
    """
    if host is None:
        raise Refused("forge_missing", app=app.name)
    return forge.checks(host, revision)


def keep(app: App, revision: str, found: Iterable[Check]) -> None:
    """Store what was said; what is not said any more is forgotten."""
    now = timezone.now()
    known = list(found)
    with transaction.atomic():
        rows = CommitCheck.objects.filter(app=app, revision=revision)
        rows.exclude(name__in=[check.name for check in known]).delete()
        for check in known:
            told = {"state": check.state, "url": check.url, "at": now}
            CommitCheck.objects.update_or_create(app=app, revision=revision, name=check.name, defaults=told)
        CheckLook.objects.update_or_create(app=app, revision=revision, defaults={"at": now, "trouble": ""})


def begin_due() -> None:
    """Look again at what queued deployments wait for, each revision once per `CHECKS_POLL_S` among all processes."""
    rows = checks.queued() if due.is_any_open() else []
    late = checks.waiting(rows)
    for app, revision in {(each.app, each.revision) for each in rows if each.pk in late}:
        if _claim(app, revision):
            crew.begin(partial(_look, app, revision), name=f"checks-{revision[:7]}")


def _claim(app: App, revision: str) -> bool:
    now = timezone.now()
    row, is_new = CheckLook.objects.get_or_create(app=app, revision=revision, defaults={"at": now})
    old = CheckLook.objects.filter(pk=row.pk, at__lt=now - timedelta(seconds=settings.CHECKS_POLL_S))
    return is_new or bool(old.update(at=now))


def _look(app: App, revision: str) -> None:
    try:
        keep(app, revision, ask(app, host_of(app), revision))
    except DeployError as error:
        logger.warning("the checks of %s %s are not known: %s", app, revision[:7], error)
        CheckLook.objects.filter(app=app, revision=revision).update(trouble=error.code[:64])
    except Exception:
        logger.exception("looking at the checks of %s %s failed", app, revision[:7])
    finally:
        close_old_connections()
