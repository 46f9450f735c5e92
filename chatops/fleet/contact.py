"""First contact: ask the engine to visit a server, show what it found, and let a person confirm the host key."""

import uuid
from typing import Any, NamedTuple

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from bot import phrases
from chatops.fleet import access
from chatops.room.views import MemberRequest
from deploy_core.ledger import audit
from deploy_core.models import Errand, Server
from deploy_core.reach.contact import SLOW_SHELL_MS
from deploy_core.run import errands

REFUSED = "refused"
_TONES = {"ok": "ok", "changed": "bad", "refused": "bad", "failed": "bad"} | dict.fromkeys(
    ("care", "new", "moved"), "wait"
)
KINDS = {"ssh-ed25519": "ED25519", "ssh-rsa": "RSA"}


class Tick(NamedTuple):
    """One thing that was looked at: how it stands (a tone of the looks), what it is, and what was found."""

    tone: str
    icon: str
    name: Promise | str
    told: Promise | str


@require_POST
@never_cache
@login_required
def test(request: MemberRequest, name: str) -> HttpResponse:
    """Ask for a visit; the page shows it when it is done."""
    server = _managed(request, name)
    errands.ask(errands.TEST, request.user, f"test:{uuid.uuid4()}", server=server.pk)
    return redirect("fleet-page", "servers", name)


@require_POST
@never_cache
@login_required
def trust(request: MemberRequest, name: str) -> HttpResponse:
    """Pin the key that a visit was shown, or say that it is not the right one. Only the newest visit counts."""
    server = _managed(request, name)
    errand = latest(server)
    found = errand.result if errand else {}
    is_asked = errand is not None and errand.status == errands.DONE and found.get("state") in ("new", "changed")
    is_same = is_asked and (found["host"], found["port"]) == (server.host, server.port)
    if not is_same or errand is None or request.POST.get("errand") != str(errand.pk):
        return redirect("fleet-page", "servers", name)
    if "distrust" in request.POST:
        with transaction.atomic():
            Errand.objects.filter(pk=errand.pk).update(status=REFUSED)
            audit.record(request.user, "server.distrust", name, "done", fingerprint=found["fingerprint"])
    elif "compared" in request.POST:
        with transaction.atomic():
            # Whoever confirmed another key meanwhile was first.
            if Server.objects.filter(pk=server.pk, host_key=server.host_key).update(host_key=found["key"]):
                told = {"fingerprint": found["fingerprint"], "before": found["expected"]}
                audit.record(request.user, "server.trust", name, "done", **told)
                errands.ask(errands.TEST, request.user, f"test:{uuid.uuid4()}", server=server.pk)
    return redirect("fleet-page", "servers", name)


def latest(server: Server) -> Errand | None:
    """The newest visit that somebody asked for on the server's page."""
    return Errand.objects.filter(kind=errands.TEST, params__server=server.pk).order_by("-pk").first()


def shown(server: Server) -> dict[str, Any]:
    """What the page says about the newest visit."""
    errand = latest(server)
    if errand is None:
        return {"state": "none", "tone": "mute"}
    if errand.status in (errands.PENDING, errands.RUNNING):
        return {"state": "looking", "tone": "run", "at": errand.created}
    found = errand.result
    state = found.get("state", "lost")
    if state not in ("lost", "gone") and "host" in found:
        is_moved = (found["host"], found["port"]) != (server.host, server.port)
        state = "moved" if is_moved else "refused" if errand.status == REFUSED else state
    ticks = list(_ticks(found)) if "host" in found else []
    if state == "ok" and any(tick.tone in ("bad", "wait") for tick in ticks):
        state = "care"
    kind = str(found.get("key", "")).partition(" ")[0]
    kind = KINDS.get(kind, kind.upper())
    return {
        "state": state,
        "tone": _TONES.get(state, "mute"),
        "at": errand.finished,
        "errand": errand.pk,
        "found": found,
        "kind": kind,
        "file": {"ED25519": "ed25519", "RSA": "rsa"}.get(kind, "ecdsa"),
        "ticks": ticks,
    }


def _ticks(found: dict[str, Any]) -> list[Tick]:
    where = f"{found['host']}:{found['port']}"
    if found["answer_ms"] is not None:
        where = f"{where}, {found['answer_ms']} ms"
    state, code = found["state"], found["code"]
    is_there = state != "failed" or code not in ("unreachable", "jump_circle")
    ticks = [_tick(is_there, _("Port answers"), where if is_there else _silence(found))]
    if not is_there:
        return ticks
    if state == "new":
        ticks.append(Tick("wait", "approval", _("Host key"), _("new, nobody has confirmed it")))
    elif state == "changed":
        ticks.append(Tick("bad", "cross", _("Host key"), _("another one than was confirmed")))
    else:
        ticks.append(_tick(code not in ("host_key_changed", "host_key_unknown"), _("Host key"), found["fingerprint"]))
    if state in ("new", "changed"):
        return [*ticks, Tick("mute", "waiting", _("Sign in"), _("not tried before the key is confirmed"))]
    ticks.append(_tick(state == "ok", _("Sign in"), "" if state == "ok" else _why(found)))
    return ticks + (_inside(found) if state == "ok" else [])


def _inside(found: dict[str, Any]) -> list[Tick]:
    """What there is behind the login."""
    shell = found["shell_ms"]
    is_quick = shell <= SLOW_SHELL_MS
    slow = _("%(ms)d ms for nothing: look for slow start-up files") % {"ms": shell}
    ticks = [Tick(*(_OK if is_quick else _CARE), _("Login shell"), f"{shell} ms" if is_quick else slow)]
    for place in found["places"]:
        free = "" if place["free_kb"] is None else _("%(gb).1f GB free") % {"gb": place["free_kb"] / 1024**2}
        told = free if place["writable"] else _("not writable")
        ticks.append(_tick(place["writable"], _("Write to %(path)s") % {"path": place["path"]}, told))
    tools = found["tools"]
    if "tar" in tools:
        ticks.append(Tick(*_OK, "tar", tools["tar"]))
    without = _("not there: uploads use gzip")
    ticks.append(Tick(*_OK, "zstd", tools["zstd"]) if "zstd" in tools else Tick("mute", "info", "zstd", without))
    if found["lacks"]:
        ticks.append(
            Tick("bad", "cross", _("Programs"), _("missing: %(names)s") % {"names": ", ".join(found["lacks"])})
        )
    return ticks


_OK = ("ok", "check")
_CARE = ("wait", "warning")


def _tick(is_good: bool, name: Any, told: Any) -> Tick:
    return Tick(*(_OK if is_good else ("bad", "cross")), name, told)


def _silence(found: dict[str, Any]) -> str:
    """Why it cannot be reached; the address stands on the page already."""
    return str(found["params"].get("detail") or _why(found))


def _why(found: dict[str, Any]) -> str:
    return phrases.render(found["code"], found["params"])


def _managed(request: MemberRequest, name: str) -> Server:
    """
    Raises:
        Http404: there is no such server, or it is not the person's to change.
    """
    server = access.servers(request.user).filter(name=name).first() if access.manages_all(request.user) else None
    if server is None:
        raise Http404
    return server
