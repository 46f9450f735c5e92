"""What a deployment changes, for its page: the commits since what was live with their authors, and how many files."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache

from chatops.deployments import seen
from chatops.room import streams
from chatops.room.views import MemberRequest
from deploy_core import outlook
from deploy_core.models import App, Deployment, KnownCommit
from deploy_core.rules.times import iso

#: So many commits are listed one by one.
LISTED = 50


def of(app: App, source: str, target: str) -> dict[str, Any]:
    """From revision `source` ("" before the first release) to `target`, as JSON.

    `commits` and `dropped` are `[{revision, subject, author, at}]`, the newest first; `more` says how many are left
    out; None: the last fetch does not reach that far. `files` counts what was added, changed and removed.
    """
    if not source or not target:
        return {"commits": None, "more": 0, "dropped": [], "files": None}
    found = outlook.between(app, source, target)
    commits, dropped = found.commits, found.dropped or []
    files = found.files
    return {
        "commits": None if commits is None else _listed(commits),
        "more": max(0, len(commits or ()) - LISTED),
        "dropped": _listed(dropped),
        "files": files and {name: len(getattr(files, name)) for name in ("added", "changed", "removed")},
    }


@never_cache
@login_required
def page(request: MemberRequest, number: int) -> HttpResponse:
    """The same as an answer, for a page that was open before anybody knew the revision."""
    seen.require(request.user, number)
    state = streams.deployment_state(number)
    app = Deployment.objects.select_related("app").get(pk=number).app
    return JsonResponse(of(app, state["previous_revision"], state["revision"]))


def _listed(commits: Sequence[KnownCommit]) -> list[dict[str, Any]]:
    return [
        {"revision": each.revision, "subject": each.subject, "author": each.author, "at": iso(each.at)}
        for each in commits[:LISTED]
    ]
