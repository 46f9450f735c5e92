"""What a provider's delivery says, field by field: anything may come, and only what is asked for is believed. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy_core.rules import repository
from deploy_core.rules.checks import Check, of_run, of_status

_REVISION = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BRANCH = "refs/heads/"


@dataclass(frozen=True, slots=True)
class Push:
    """A branch that now stands at `revision`."""

    branch: str
    revision: str


def github(event: str, payload: Mapping[str, Any]) -> Push | None:
    """The push that GitHub tells of; None for every other event, a tag, and a branch that was removed."""
    return None if event != "push" or payload.get("deleted") is True else _push(payload)


def gitlab(event: str, payload: Mapping[str, Any]) -> Push | None:
    """The same of GitLab, where a branch that was removed stands at nothing but zeros."""
    return _push(payload) if event == "Push Hook" else None


def github_check(event: str, payload: Mapping[str, Any]) -> tuple[str, Check] | None:
    """The revision and the check that GitHub tells of (`status`, `check_run`); None for every other event."""
    if event == "status":
        revision, check = payload.get("sha"), of_status(payload)
    elif event == "check_run" and isinstance(payload.get("check_run"), dict):
        run = payload["check_run"]
        revision, check = run.get("head_sha"), of_run(run)
    else:
        return None
    is_whole = isinstance(revision, str) and bool(_REVISION.fullmatch(revision))
    return (str(revision), check) if is_whole and check else None


def _push(payload: Mapping[str, Any]) -> Push | None:
    ref, after = payload.get("ref"), payload.get("after")
    if not isinstance(ref, str) or not isinstance(after, str) or not ref.startswith(_BRANCH):
        return None
    branch = ref.removeprefix(_BRANCH)
    if not _REVISION.fullmatch(after) or not after.strip("0") or not repository.is_ref_name(branch):
        return None
    return Push(branch, after)
