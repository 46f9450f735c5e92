"""What is where, what was, and what runs or waits."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db.models import QuerySet

from deploy_core.models import App, Deployment, Environment, Release, ReleaseCopy, Server
from deploy_core.rules.status import ACTIVE, WAITING
from deploy_core.safety import queue


class Standing(NamedTuple):
    """What one server of an environment runs, and since when."""

    server: Server
    release: Release | None
    since: datetime | None


def current(environment: Environment) -> list[Standing]:
    """What each server of `environment` runs, in the order of its servers."""
    copies = {
        copy.server_id: copy
        for copy in ReleaseCopy.objects.filter(environment=environment, is_current=True).select_related("release")
    }
    standings = []
    for placement in environment.placements.select_related("server"):
        copy = copies.get(placement.server_id)
        standings.append(Standing(placement.server, copy.release if copy else None, copy.switched if copy else None))
    return standings


def history(app: App, environment: Environment | None = None) -> QuerySet[Deployment]:
    """The deployments of an app, the newest first; slice it."""
    found = Deployment.objects.filter(app=app).select_related("app", "environment", "requested_by", "release")
    return (found.filter(environment=environment) if environment else found).order_by("-pk")


def latest(app: App, environment: Environment | None = None) -> Deployment | None:
    """The newest deployment of an app."""
    return history(app, environment).first()


def active(apps: Iterable[App] | None = None) -> QuerySet[Deployment]:
    """All deployments that run or wait, of `apps` or of every app, the oldest first."""
    found = Deployment.objects.filter(status__in=ACTIVE | WAITING).select_related("app", "environment", "requested_by")
    return (found if apps is None else found.filter(app__in=list(apps))).order_by("pk")


def ahead_of(deployment: Deployment) -> list[Deployment]:
    """What has to end before `deployment` runs, in that order."""
    return queue.ahead_of(deployment)
