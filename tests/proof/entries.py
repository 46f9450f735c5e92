"""Every way into the product, and the least role that gets in. tests/proof/test_entries.py walks all of it.

A new address, frame, command or button of Slack fails that test until it has a line here:

- PAGES: the name (or path) of an address → `Page(least, …)`. `own` and `foreign` are what its places are filled with;
  `data` is a POST that would change something, which takes `acts`.
- FRAMES: the type of a frame → `Frame(fields)`; `{…}` in them is filled with what is own, then with what is foreign.
- COMMANDS: a command → a line that uses it on an app of one's own; in the foreign line `vault` stands for `shop`.
- BUTTONS: the end of an action's name in Slack.
"""

from dataclasses import dataclass, field
from typing import Any

#: From least to most. A manager manages one app, the owner everything; `nobody` is signed in and in no room.
ROLES = ("anonymous", "nobody", "viewer", "deployer", "approver", "manager", "owner")


@dataclass(frozen=True)
class Page:
    """`least` may look; `acts` (else the same) may send `data`. `is_owners`: the owner sees the foreign one too."""

    least: str
    own: dict[str, Any] = field(default_factory=dict)
    foreign: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] | None = None
    acts: str = ""
    is_owners: bool = True
    takes_get: bool = True
    query: str = ""


SHOP, VAULT = {"app": "shop", "name": "staging"}, {"app": "vault", "name": "sealed"}
TOKEN = {"secret": "TOKEN"}
_NUMBERED = {"own": {"number": "{deployment}"}, "foreign": {"number": "{hidden}"}}
_LOG = {
    "own": {"number": "{deployment}", "key": "fetch"},
    "foreign": {"number": "{hidden}", "key": "fetch"},
}

PAGES: dict[str, Page] = {
    # rooms and deployments
    "home": Page("nobody"),
    "rooms": Page("nobody", data={"slug": "x y"}),
    "room": Page("viewer", {"slug": "demo"}, {"slug": "secret"}, is_owners=False),
    "room-join": Page("nobody", {"slug": "demo"}, takes_get=False),  # a closed room sends back to the list
    "room-settings": Page(
        "viewer", {"slug": "demo"}, {"slug": "secret"}, data={"topic": "x"}, acts="owner", is_owners=False
    ),
    "deployments": Page("nobody"),
    "deployment": Page("viewer", **_NUMBERED),
    "act": Page(
        "viewer", **_NUMBERED, data={"act": "cancel", "cid": "page:" + "0" * 36}, acts="deployer", takes_get=False
    ),
    "deployment-changes": Page("viewer", **_NUMBERED),
    "deployment-journal": Page("viewer", **_NUMBERED),
    "deployment-logs": Page("viewer", **_NUMBERED),
    "log": Page("viewer", **_LOG),
    "log-find": Page("viewer", **_LOG, query="?q=x"),
    "log-until": Page("viewer", **_LOG),
    "board": Page("nobody"),
    "board-cells": Page("nobody"),
    "wall": Page("nobody"),
    "wall-tiles": Page("nobody"),
    # the fleet
    "fleet": Page("nobody"),
    "fleet-closings": Page("nobody"),
    "fleet-add-closing": Page("approver", {"noun": "freeze"}, data={"reason": "x"}),
    "fleet-remove-window": Page(
        "approver", {"number": "{window}"}, {"number": "{hidden_window}"}, data={}, takes_get=False
    ),
    "fleet-lift": Page("approver", {"number": "{freeze}"}, {"number": "{hidden_freeze}"}, data={}, takes_get=False),
    "fleet-add-environment": Page("manager", {"app": "shop"}, {"app": "vault"}, data={"name": "new", "path": "/srv/x"}),
    "fleet-add": Page("owner", {"key": "servers"}, data={"name": "new", "host": "h", "user": "u", "port": "22"}),
    "fleet-remove-environment": Page("manager", SHOP, VAULT, data={}),
    "fleet-remove": Page("owner", {"key": "servers", "name": "web-1"}, {"key": "servers", "name": "hidden-1"}, data={}),
    "fleet-environment": Page("viewer", SHOP, VAULT, data={"name": "staging", "path": "/srv/other"}, acts="manager"),
    "fleet-secrets": Page("manager", SHOP, VAULT, data={"name": "OTHER", "value": "x" * 8, "to": "builds"}),
    "fleet-secret": Page("manager", SHOP | TOKEN, VAULT | TOKEN, data={"value": "x" * 8, "to": "builds"}),
    "fleet-remove-secret": Page("manager", SHOP | TOKEN, VAULT | TOKEN, data={}),
    "fleet-test": Page("owner", {"name": "web-1"}, {"name": "hidden-1"}, data={}, takes_get=False),
    "fleet-trust": Page("owner", {"name": "web-1"}, {"name": "hidden-1"}, data={"compared": "yes"}, takes_get=False),
    "fleet-list": Page("nobody", {"key": "servers"}),
    "fleet-page": Page(
        "viewer",
        {"key": "apps", "name": "shop"},
        {"key": "apps", "name": "vault"},
        data={"name": "shop"},
        acts="manager",
    ),
    # signing in, and one's own account
    "sign-in": Page("anonymous"),
    "account_login": Page("anonymous"),
    "mfa_login_webauthn": Page("anonymous"),
    "mfa_authenticate": Page("anonymous"),
    "account_signup": Page("nobody at all"),
    "socialaccount_signup": Page("nobody at all"),
    "openid_connect_login": Page("nobody at all", {"provider_id": "sign-on"}),
    "openid_connect_callback": Page("nobody at all", {"provider_id": "sign-on"}),
    "sign-out": Page("anonymous", takes_get=False),
    "link": Page("anonymous", {"token": "none"}),
    "language": Page("anonymous", takes_get=False),
    "account": Page("nobody"),
    "account_reauthenticate": Page("nobody"),
    "mfa_reauthenticate": Page("nobody"),
    "mfa_reauthenticate_webauthn": Page("nobody"),
    "mfa_activate_totp": Page("nobody"),
    "mfa_deactivate_totp": Page("nobody at all"),  # they have none
    "mfa_view_recovery_codes": Page("nobody at all"),
    "mfa_generate_recovery_codes": Page("nobody"),
    "mfa_add_webauthn": Page("nobody"),
    "mfa_remove_webauthn": Page("nobody", {"pk": 1}),
    "mfa_index": Page("anonymous"),
    "mfa_list_webauthn": Page("anonymous"),
    "password": Page("nobody"),
    "time-zone": Page("nobody"),
    "end-visit": Page("nobody", takes_get=False),
    "prove": Page("nobody"),
    "account-stale": Page("nobody at all"),  # 403 by itself
    # trust
    "people": Page("owner", data={"add": "person", "username": "intruder"}),
    "person": Page("owner", {"pk": "{person}"}, data={"do": "grant", "role": "manager", "environment": "*"}),
    "team": Page("owner", {"pk": "{team}"}, data={"do": "remove"}),
    "audit": Page("owner"),
    "audit-export": Page("owner", {"shape": "csv"}),
    "reviews": Page("nobody", data={"review": "1", "note": "x"}, acts="owner"),
    "break-glass": Page("deployer", SHOP, VAULT, data={"reason": "the shop is down, really"}),
    # doors of others
    "slack": Page("nobody"),
    "slack-events": Page("nobody at all", takes_get=False),
    "slack-install": Page("owner"),
    "slack-oauth": Page("owner"),
    "slack-link": Page("nobody", {"token": "none"}),
    "slack-unlink": Page("nobody", {"number": 1}, takes_get=False),
    "slack-quiet": Page("nobody", {"number": 1}, takes_get=False),
    "slack-remove": Page("owner", {"number": 1}, data={}, takes_get=False),
    "hook": Page("nobody at all", {"provider": "github", "app": "shop"}, takes_get=False),
    "tokens": Page("nobody", data={"revoke": "1"}, acts="owner"),
    "webhooks": Page("nobody", data={"add": "in", "in-app": "1", "in-provider": "github"}, acts="manager"),
    "webhook": Page("nobody at all", {"name": "none"}),
    "healthz": Page("anonymous"),
    # the HTTP API wants a token, whoever is signed in
    "/api/v1/deployments": Page("nobody at all"),
    "/api/v1/deployments/{deployment}": Page("nobody at all"),
    "/api/v1/deployments/{deployment}/approve": Page("nobody at all", takes_get=False),
    "/api/v1/deployments/{deployment}/reject": Page("nobody at all", takes_get=False),
    "/api/v1/deployments/{deployment}/cancel": Page("nobody at all", takes_get=False),
    "/api/v1/status": Page("nobody at all"),
}


@dataclass(frozen=True)
class Frame:
    """`fields`; `about`: what it names that one may not see: a `stream`, a `room`, `want`; `words`: it only looks."""

    fields: dict[str, Any] = field(default_factory=dict)
    about: str = ""


FRAMES: dict[str, Frame] = {
    "hello": Frame({"v": 1, "want": ["deployment:{deployment}"]}, about="want"),
    "sub": Frame({"rid": "1", "s": "deployment:{deployment}"}, about="stream"),
    "unsub": Frame({"s": "deployment:{deployment}"}),
    "range": Frame({"rid": "1", "s": "deployment:{deployment}", "after": 0}, about="stream"),
    "snapshot": Frame({"rid": "1", "s": "deployment:{deployment}"}, about="stream"),
    "lines": Frame({"rid": "1", "room": "{room}", "before": 5, "limit": 5}, about="room"),
    "watch": Frame({"s": "deployment:{deployment}", "on": True}),
    "message": Frame({"cid": "c-1", "room": "{room}", "text": "hello"}, about="room"),
    "command": Frame({"cid": "c-2", "room": "{room}", "text": "/status"}, about="room"),
    "message.edit": Frame({"cid": "c-3", "room": "{room}", "message": 1, "text": "x"}, about="room"),
    "message.delete": Frame({"cid": "c-4", "room": "{room}", "message": 1}, about="room"),
    "complete": Frame({"rid": "1", "room": "{room}", "text": "/deploy ", "caret": 8}, about="room"),
    "search": Frame({"rid": "1", "room": "{room}", "text": "hidden"}, about="words"),
    "unfurl": Frame({"rid": "1", "links": ["/deployments/{deployment}/"]}, about="words"),
    "level": Frame({"rid": "1", "room": "{room}", "level": "all"}, about="room"),
    "read": Frame({"room": "{room}", "q": 1}, about="room"),
    "dismiss": Frame({"q": 1}),
    "typing": Frame({"room": "{room}", "on": True}),
    "presence": Frame({"visible": True}),
    "ping": Frame({"n": 1}),
}

COMMANDS: dict[str, str] = {
    "deploy": "/deploy shop to staging",
    "plan": "/plan shop to staging",
    "redeploy": "/redeploy shop to staging",
    "promote": "/promote shop from staging to production",
    "rollback": "/rollback shop in staging",
    "schedule": "/schedule deploy shop to staging at 2999-01-01T10:00",
    "retry": "/retry #{deployment}",
    "cancel": "/cancel #{deployment}",
    "pause": "/pause #{deployment}",
    "resume": "/resume #{deployment}",
    "confirm": "/confirm #{deployment}",
    "no": "/no #{deployment}",
    "approve": "/approve #{deployment}",
    "reject": "/reject #{deployment} because no",
    "lock": "/lock shop in staging",
    "unlock": "/unlock shop in staging",
    "freeze": "/freeze shop in staging because x",
    "unfreeze": "/unfreeze shop in staging",
    "locks": "/locks",
    "freezes": "/freezes",
    "schedules": "/schedules",
    "queue": "/queue shop staging",
    "status": "/status #{deployment}",
    "where": "/where shop",
    "history": "/history shop in staging",
    "diff": "/diff shop main to staging",
    "changes": "/changes shop",
    "logs": "/logs #{deployment}",
    "apps": "/apps",
    "envs": "/envs shop",
    "servers": "/servers shop staging",
    "branches": "/branches shop",
    "tags": "/tags shop",
    "commits": "/commits shop/main",
    "alias": "/alias hot = deploy shop to staging",
    "unalias": "/unalias hot",
    "aliases": "/aliases",
    "announce": "/announce hello",
    "oncall": "/oncall",
    "watch": "/watch shop",
    "unwatch": "/unwatch shop",
    "mute": "/mute shop for 1h",
    "help": "/help",
    "whoami": "/whoami",
}

#: Buttons of a deployment's message in Slack, and the right that each takes.
BUTTONS: dict[str, str] = {
    "approve": "approver",
    "confirm": "deployer",
    "no": "deployer",
    "cancel": "deployer",
    "rollback": "deployer",
    "retry": "deployer",
    "failed": "deployer",
    "pause": "deployer",
    "resume": "deployer",
}
