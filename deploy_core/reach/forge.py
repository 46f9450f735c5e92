"""GitHub, where an app's repository is hosted: what it knows of a revision, and what we tell it of deployments."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from deploy_core import sealing
from deploy_core.errors import ReachError
from deploy_core.models import App, Forge
from deploy_core.rules.checks import Check, of_run, of_status

from . import http

_LIMIT_BYTES = 4 * 1024 * 1024


def keep_token(forge: Forge, token: str) -> None:
    """Seal a token into a stored row."""
    forge.sealed = sealing.seal(token.encode(), about=_about(forge)) if token else ""
    forge.save(update_fields=["sealed"])


def repository_of(app: App) -> str:
    """`owner/name` of the app's repository as its host knows it; empty where the address has no such form."""
    path = app.repository.partition("://")[2].partition("/")[2] or app.repository.rpartition(":")[2]
    parts = path.removesuffix(".git").strip("/").split("/")
    return "/".join(parts) if len(parts) == 2 and all(parts) else ""


def api_of(forge: Forge) -> str:
    """The address of the API: as it was written down, GitHub's own, or that of a GitHub Enterprise server."""
    if forge.api_url:
        return forge.api_url.rstrip("/")
    address = forge.app.repository
    host = urlsplit(address).hostname if "://" in address else address.rpartition("@")[2].partition(":")[0]
    return "https://api.github.com" if host == "github.com" else f"https://{host}/api/v3"


def checks(forge: Forge, revision: str) -> list[Check]:
    """The newest statuses and check runs of a revision, a hundred of each at most.

    Raises:
        ReachError: as `http.send`; `forge_refused` (with `status`).
        SealError: the token does not open.
    """
    place = f"commits/{quote(revision)}"
    statuses = _ask(forge, "GET", f"{place}/status?per_page=100").get("statuses", [])
    runs = _ask(forge, "GET", f"{place}/check-runs?per_page=100&filter=latest").get("check_runs", [])
    found = [of_status(each) for each in _objects(statuses)] + [of_run(each) for each in _objects(runs)]
    return list({check.name: check for check in found if check}.values())


def open_deployment(forge: Forge, revision: str, environment: str, description: str, number: int) -> int:
    """Tell of a new deployment; its id there.

    Raises:
        ReachError, SealError: as `checks`.
    """
    told = {
        "ref": revision,
        "environment": environment,
        "description": description[:140],
        "auto_merge": False,
        "required_contexts": [],  # whether it may run was decided here
        "payload": {"shiproom": number},
    }
    made = _ask(forge, "POST", "deployments", told).get("id")
    if not isinstance(made, int):
        raise ReachError("answer_unreadable", server=_host(forge))
    return made


def set_status(forge: Forge, deployment_id: int, state: str, description: str, url: str) -> None:
    """Tell how a deployment stands: queued, in_progress, success, failure, inactive.

    Raises:
        ReachError, SealError: as `checks`.
    """
    told = {"state": state, "description": description[:140], "auto_inactive": state == "success"}
    if url.startswith("https://"):
        told["log_url"] = url
    _ask(forge, "POST", f"deployments/{deployment_id}/statuses", told)


def _ask(forge: Forge, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    token = sealing.open_(forge.sealed, about=_about(forge)).decode() if forge.sealed else ""
    headers = {
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
        "User-Agent": "Shiproom",
        "Content-Type": "application/json",
        **({"Authorization": f"Bearer {token}"} if token else {}),
    }
    url = f"{api_of(forge)}/repos/{quote(repository_of(forge.app))}/{path}"
    data = json.dumps(body).encode() if body is not None else b""
    answer = http.send(method, url, headers=headers, body=data, limit_bytes=_LIMIT_BYTES)
    if not 200 <= answer.status < 300:
        raise ReachError("forge_refused", server=_host(forge), status=answer.status)
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise ReachError("answer_unreadable", server=_host(forge)) from error
    return found if isinstance(found, dict) else {}


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _host(forge: Forge) -> str:
    return urlsplit(api_of(forge)).hostname or ""


def _about(forge: Forge) -> str:
    return f"forge:{forge.pk}:token"
