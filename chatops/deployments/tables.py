"""The server table of a deployment's page: a page of rows, each with what its steps took and what the server runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse

from chatops.deployments import rows
from deploy_core.models import Deployment, ReleaseCopy

Json = Mapping[str, Any]

#: So many servers stand on one page of the table; those that failed or run come first.
LISTED = 100


def servers(number: int, state: Json, page: int = 1) -> dict[str, Any]:
    """`{rows, kinds, pages, page, counts}` of a deployment in `state`.

    A row is `{name, batch, status, is_back, cells, path, runs, log_url}`, where `cells` has for each of `kinds` the
    step with its `seconds`, or None; `path` are the revisions it was led through and `runs` is the one it runs now.
    """
    every = rows.servers_of(state)
    if not every:
        return {}
    batch_of = {
        each.name: batch.number
        for batch in rows.batches_of(state, every)
        if batch.is_real
        for each in batch.servers
    }  # fmt: skip
    ordered = sorted(every, key=lambda each: each.status not in rows.LOUD) if len(every) > LISTED else every
    pages = -(-len(ordered) // LISTED)
    page = min(max(1, page), pages)
    shown = ordered[(page - 1) * LISTED : page * LISTED]
    runs = _runs(number, [each.name for each in shown])
    slow = rows.slow_keys(every)
    kinds = rows.kinds_of(state)
    return {
        "rows": [
            {
                "name": each.name,
                "batch": batch_of.get(each.name, ""),
                "status": each.status,
                "is_back": each.is_back,
                "cells": _cells(number, each, kinds, slow),
                "path": rows.went(each, state["previous_revision"], state["revision"]),
                "runs": runs.get(each.name, ""),
                "log_url": _log_url(number, rows.telling(each)),
            }
            for each in shown
        ],
        "kinds": kinds,
        "has_batches": bool(batch_of),
        "page": page,
        "pages": pages,
        "numbers": range(1, pages + 1),
        "count": len(every),
        "done": sum(rows.is_done(each) for each in every),
    }


def _cells(number: int, server: rows.Server, kinds: Sequence[str], slow: set[str]) -> list[dict[str, Any] | None]:
    steps = {step["kind"]: step for step in server.steps}
    return [_cell(number, steps[kind], slow) if kind in steps else None for kind in kinds]


def _cell(number: int, step: Json, slow: set[str]) -> dict[str, Any]:
    is_over = step["started_at"] and step["finished_at"]
    return {
        "kind": step["kind"],
        "key": step["key"],
        "status": step["status"],
        "seconds": rows.seconds(step["started_at"], step["finished_at"]) if is_over else None,
        "is_slow": step["key"] in slow,
        "log_url": _log_url(number, step),
    }


def _log_url(number: int, step: Json) -> str:
    return reverse("log", args=[number, step["key"]]) if step["step_id"] else ""


def _runs(number: int, names: Sequence[str]) -> dict[str, str]:
    """The revision that each server of the deployment's environment runs now."""
    environment = Deployment.objects.values_list("environment", flat=True).get(pk=number)
    copies = ReleaseCopy.objects.filter(environment=environment, is_current=True, server__name__in=list(names))
    return dict(copies.values_list("server__name", "release__revision"))
