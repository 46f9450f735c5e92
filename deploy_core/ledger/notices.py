"""What rooms or one person are told outside any deployment. The rows are the truth; whoever shows them is rung."""

from collections.abc import Mapping
from typing import Any

from deploy_core.models import App, Notice, Person

from .journal import ring


def tell(code: str, params: Mapping[str, Any], *, app: App | None = None, person: Person | None = None) -> Notice:
    """Write a notice for the rooms that follow `app` (None: every room), or for one person alone."""
    notice = Notice.objects.create(code=code, params=dict(params), app=app, person=person)
    ring("notice", notice.pk)  # no stream of its own: whoever shows notices reads the rows
    return notice
