"""Releases that a person names."""

from django.db.models import Q

from deploy_core.errors import UnknownName
from deploy_core.models import Deployment, Environment, Release, ReleaseCopy
from deploy_core.rules.status import Status


def proven(environment: Environment, ref: str) -> Release | None:
    """The newest release of `ref`, or of the revision that it begins, that was deployed there with success."""
    found = Release.objects.filter(environment=environment, deployments__status=Status.SUCCEEDED)
    of_revision = Q(revision__startswith=ref.lower()) if len(ref) >= 7 else Q(ref=ref)
    return found.filter(Q(ref=ref) | of_revision).order_by("-pk").first()


def named(environment: Environment, name: str) -> Release:
    """The release of that name, or of the revision that it begins, which was live and is on every server.

    Raises:
        UnknownName: `release_not_found`.
    """
    # What was staged but never live may have been stopped for a reason, and was never agreed to as a way back.
    switched_to = ReleaseCopy.objects.filter(environment=environment, switched__isnull=False)
    succeeded = Deployment.objects.filter(environment=environment, status=Status.SUCCEEDED)
    was_live = Q(pk__in=switched_to.values("release")) | Q(pk__in=succeeded.values("release"))
    found = Release.objects.complete_in(environment).filter(was_live)
    release = found.filter(Q(name=name) | Q(revision__startswith=name.lower())).first() if len(name) >= 4 else None
    if release is None:
        near = list(found.values_list("name", flat=True)[:5])
        raise UnknownName("release_not_found", release=name, environment=environment.name, near=near)
    return release
