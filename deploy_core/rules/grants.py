"""Who may do what: one table of grants, one pure question."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

Role = Literal["viewer", "deployer", "approver", "manager"]
Action = Literal["view", "deploy", "rollback", "cancel", "lock", "approve", "manage"]

#: From least to most; each may do what those before it may.
ROLES: tuple[Role, ...] = ("viewer", "deployer", "approver", "manager")
#: Each action, and the least role that may do it.
ACTIONS: dict[Action, Role] = {
    "view": "viewer",
    "deploy": "deployer",
    "rollback": "deployer",
    "cancel": "deployer",
    "lock": "deployer",
    "approve": "approver",
    "manage": "manager",
}
EVERYWHERE = "*"


class GrantRow(NamedTuple):
    """A role on an app and an environment *name*; `*` means every one."""

    role: str
    app: str
    environment: str


def can(grants: Iterable[GrantRow], action: str, app: str, environment: str) -> bool:
    """Whether `grants` allow `action` on an app's environment. An environment of "" asks about the app as a whole.

    A role in one environment is enough to `view` the app as a whole, and nothing else.

    Raises:
        ValueError: no such action.
    """
    if action not in ACTIONS:
        raise ValueError(f"no action {action!r}; there are {', '.join(ACTIONS)}")
    allowed = ROLES[ROLES.index(ACTIONS[action]) :]
    is_look_at_app = action == "view" and not environment
    return any(
        grant.role in allowed
        and grant.app in (EVERYWHERE, app)
        and (is_look_at_app or grant.environment in (EVERYWHERE, environment))
        for grant in grants
    )
