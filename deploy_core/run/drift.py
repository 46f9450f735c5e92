"""`/where app --verify`: are the files on the servers still those of their releases?"""

import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from django.conf import settings
from django.db import close_old_connections

from deploy_core.errors import CommandTimeout, DeployError
from deploy_core.models import ReleaseCopy
from deploy_core.reach import credentials, ssh
from deploy_core.reach.masking import Masker
from deploy_core.rules import drift, manifest, pipeline
from deploy_core.rules.drift import Drift

from . import crew

_AT_ONCE = 8
#: So many servers that hang can follow one another in the same hands, and the others are still told of.
TURNS = 3
_HEAD = ("server", "app", "environment", "live", "status")


def table(environments: Iterable[int], *, within_s: float) -> dict[str, Any]:
    """A row for each server that runs something, as the phrases have tables; in `within_s`, whoever hangs."""
    end = time.monotonic() + within_s
    current = ReleaseCopy.objects.filter(environment__in=list(environments), is_current=True)
    copies = list(current.order_by("environment__app__name", "environment__position", "server__name"))
    most_s = within_s if len(copies) <= _AT_ONCE else within_s / TURNS  # or the first ones keep all hands
    row = partial(_row, end=end, most_s=most_s)
    rows = crew.several(row, [copy.pk for copy in copies], at_once=_AT_ONCE, name="verify")
    return {"head": [f"column.{name}" for name in _HEAD], "rows": rows}


def _row(copy_id: int, *, end: float, most_s: float) -> list[Any]:
    try:
        related = ("release__manifest", "environment__app", "server__credential", "server__jump__credential")
        copy = ReleaseCopy.objects.select_related(*related).get(pk=copy_id)
        place = [copy.server.name, copy.environment.app.name, copy.environment.name, copy.release.name]
        return [*place, _state(copy, min(most_s, end - time.monotonic()))]
    finally:
        close_old_connections()


def _state(copy: ReleaseCopy, within_s: float) -> dict[str, Any]:
    try:
        if within_s <= 0:
            raise CommandTimeout(server=copy.server.name, command="verify", seconds=settings.ERRAND_S)
        found = compare(copy, timeout_s=within_s)
    except DeployError as error:
        return {"code": error.code, "params": {name: _plain(value) for name, value in error.params.items()}}
    if found.runs:
        return {"code": "drift.runs", "params": {"release": found.runs}}
    params = {"changed": found.changed, "missing": found.missing, "more": found.more or ""}
    if found.is_true:
        return {"code": "drift.none", "params": params}
    return {"code": "drift.found", "params": params | {"count": found.changes}}


def compare(copy: ReleaseCopy, *, timeout_s: float) -> Drift:
    """Visit the server and compare what is live with the release's manifest; nothing is changed there.

    Raises:
        ReachError, PipelineError, SealError
    """
    server, release, environment = copy.server, copy.release, copy.environment
    of_release = pipeline.of_release(release.pipeline, environment.name)
    shared = (*of_release.shared.files, *of_release.shared.folders)
    content = drift.own(manifest.unpack(bytes(release.manifest.packed)), shared)
    lines: list[str] = []

    def hear(stream: str, text: str) -> None:
        if stream == "o":
            lines.append(text)

    mask = Masker(credentials.on_the_way(server))
    address, login = credentials.address(server), credentials.login(server.credential)
    end = time.monotonic() + timeout_s
    with ssh.connect(address, login, deadline_s=min(settings.CONNECT_TIMEOUT_S, timeout_s), mask=mask) as connection:
        connection.run(
            drift.script(environment.path, release.name),
            name="verify",
            stdin=manifest.sums(content),
            on_line=hear,
            timeout_s=max(0.0, end - time.monotonic()),
        ).check("verify")
    return drift.read(lines, content)


def _plain(value: object) -> Any:
    return value if isinstance(value, str | int | float | list) else str(value)
