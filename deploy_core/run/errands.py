"""What a person asked that needs the world: a row, done once by whatever engine process takes it.

`ask` writes the row; each engine's ticker calls `work_off`, which runs what waits in a few threads of its own. The
answer stays on the row; one that was asked for in a line is also told as a notice, once.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from django.conf import settings
from django.db import close_old_connections, transaction
from django.db.models import Max
from django.utils import timezone

from deploy_core.ledger import notices
from deploy_core.models import App, Errand, Person, Server
from deploy_core.reach import contact

from . import crew, drift

PENDING, RUNNING, DONE, LOST = "pending", "running", "done", "lost"
TEST, CHECK, VERIFY = "server.test", "servers.check", "where.verify"

logger = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What stays on the row, and what the person is told: a code of the phrases with its parameters ("": nothing)."""

    result: dict[str, Any]
    code: str = ""
    params: dict[str, Any] = {}


Do = Callable[[Errand], Answer]


def ask(kind: str, person: Person, client_id: str, **params: Any) -> Errand:
    """Ask for something; the same client id asks once."""
    return Errand.objects.get_or_create(
        person=person, client_id=client_id, defaults={"kind": kind, "params": params, "status": PENDING}
    )[0]


def work_off() -> None:
    """Begin what waits, and give up what whoever took it never finished."""
    too_old = timezone.now() - timedelta(seconds=settings.ERRAND_S)
    for late in Errand.objects.filter(status__in=(PENDING, RUNNING), created__lt=too_old).select_related("person"):
        _give_up(late)
    for pk in Errand.objects.filter(status=PENDING).order_by("pk").values_list("pk", flat=True)[:_AT_ONCE]:
        if not _hands.acquire(blocking=False):
            return
        if Errand.objects.filter(pk=pk, status=PENDING).update(status=RUNNING):
            crew.begin(partial(_in_thread, pk), name=f"errand-{pk}")
        else:
            _hands.release()


def _give_up(errand: Errand) -> None:
    with transaction.atomic():
        lost = Errand.objects.filter(pk=errand.pk, status__in=(PENDING, RUNNING))
        if lost.update(status=LOST, finished=timezone.now(), result={"state": "lost"}):
            _tell(errand, "errand.lost", {"line": _LINES.get(errand.kind, ""), "seconds": settings.ERRAND_S})


def _tell(errand: Errand, code: str, params: dict[str, Any]) -> None:
    """The answer to a line, for whoever typed it."""
    if "app" in errand.params:
        app = App.objects.filter(name=errand.params["app"]).first()
        notices.tell(code, params, app=app, person=errand.person)


def run(pk: int) -> None:
    """Do one errand and write its answer."""
    errand = Errand.objects.select_related("person").get(pk=pk)
    try:
        answer = DOES[errand.kind](errand)
    except Exception:
        logger.exception("errand %s (%s) failed", pk, errand.kind)
        answer = Answer({"state": "failed", "code": "internal", "params": {}}, "internal", {})
    with transaction.atomic():
        done = Errand.objects.filter(pk=pk, status=RUNNING)
        if not done.update(status=DONE, finished=timezone.now(), result=answer.result):
            return  # given up meanwhile
        if answer.code:
            _tell(errand, answer.code, answer.params)


def forget(before: datetime) -> int:
    """Drop what was done with before then, but the newest visit of each server, which its page shows; how many."""
    newest = Errand.objects.filter(kind=TEST).values("params__server").annotate(newest=Max("pk")).values("newest")
    return Errand.objects.filter(finished__lt=before).exclude(pk__in=newest).delete()[0]


def _in_thread(pk: int) -> None:
    try:
        run(pk)
    except Exception:
        logger.exception("the answer of errand %s was not written; it is given up later", pk)
    finally:
        _hands.release()
        close_old_connections()


def _test(errand: Errand) -> Answer:
    """One server, asked for on its page."""
    found = _visit(errand.params["server"], _end(errand))
    return Answer(found or {"state": "gone"})


def _check(errand: Errand) -> Answer:
    """Many servers, asked for in a line: a row of a table each."""
    visited = partial(_visited, end=_end(errand))
    visits = crew.several(visited, errand.params["servers"], at_once=_AT_ONCE, name="check")
    found = [each for each in visits if each]
    return Answer({"state": "ok", "servers": found}, "servers.checked", {"table": _table(found)})


def _verify(errand: Errand) -> Answer:
    """What is live, against what was sent."""
    table = drift.table(errand.params["environments"], within_s=_end(errand) - time.monotonic())
    return Answer({"state": "ok", "servers": len(table["rows"])}, "where.verified", {"table": table})


def _end(errand: Errand) -> float:
    """Until when, by the monotonic clock, it may visit: what is known by then is told before the errand is given up."""
    left = errand.created + timedelta(seconds=settings.ERRAND_S * _VISITING) - timezone.now()
    return time.monotonic() + left.total_seconds()


def _visited(server_id: int, *, end: float) -> dict[str, Any] | None:
    try:
        return _visit(server_id, end)
    finally:
        close_old_connections()


def _visit(server_id: int, end: float) -> dict[str, Any] | None:
    server = Server.objects.select_related("credential", "jump__credential").filter(pk=server_id).first()
    if server is None:
        return None
    left_s = end - time.monotonic()
    if left_s <= 0:
        params = {"server": server.name, "command": "check", "seconds": settings.ERRAND_S}
        return contact.Findings(server.name, server.host, server.port, code="timed_out", params=params).as_json()
    paths = sorted(set(server.environments.values_list("path", flat=True)))
    deadline_s, command_s = min(settings.CONNECT_TIMEOUT_S, left_s), min(settings.ERRAND_S / drift.TURNS, left_s)
    return contact.meet(server, paths, deadline_s=deadline_s, command_s=command_s).as_json()


def _table(found: list[dict[str, Any]]) -> dict[str, Any]:
    head = ("server", "status", "disk", "tar", "zstd", "shell")
    return {"head": [f"column.{name}" for name in head], "rows": [_row(each) for each in found]}


def _row(found: dict[str, Any]) -> list[Any]:
    free = [place["free_kb"] for place in found["places"] if place["free_kb"] is not None]
    shell = found["shell_ms"]
    return [
        found["server"],
        _state(found),
        f"{min(free) / 1024**2:.1f} GB" if free else "",
        _version(found["tools"].get("tar", "")),
        _version(found["tools"].get("zstd", "")),
        "" if shell is None else f"{shell} ms",
    ]


def _state(found: dict[str, Any]) -> dict[str, Any]:
    """How it stands, as a phrase."""
    if found["state"] in ("new", "changed"):
        code = "host_key_unknown" if found["state"] == "new" else "host_key_changed"
        return {"code": code, "params": {"server": found["server"], "got": found["fingerprint"]}}
    if found["state"] == "failed":
        return {"code": found["code"], "params": found["params"]}
    if found["lacks"]:
        return {"code": "check.lacks", "params": {"lacks": found["lacks"]}}
    if locked := [place["path"] for place in found["places"] if not place["writable"]]:
        return {"code": "check.not_writable", "params": {"paths": locked}}
    if (found["shell_ms"] or 0) > contact.SLOW_SHELL_MS:
        return {"code": "check.slow_shell", "params": {}}
    return {"code": "check.ok", "params": {}}


def _version(text: str) -> str:
    """The first word of `tar (GNU tar) 1.34` or `*** Zstandard CLI (64-bit) v1.5.4, by …` that is a number."""
    words = (word.strip("v,") for word in text.split())
    return next((word for word in words if word[:1].isdigit() and "." in word), "?" if text else "–")


DOES: dict[str, Do] = {TEST: _test, CHECK: _check, VERIFY: _verify}
#: What was typed for it.
_LINES = {CHECK: "/servers check", VERIFY: "/where … --verify"}

#: This much of `ERRAND_S` is for the visits; the rest for a hand to come free, and for the answer to be written.
_VISITING = 0.9
_AT_ONCE = 8
_hands = threading.BoundedSemaphore(_AT_ONCE)
