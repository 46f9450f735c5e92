"""Roles and what they allow."""

import pytest

from deploy_core.rules.grants import ACTIONS, ROLES, GrantRow, can

EVERYWHERE = [(role, GrantRow(role, "*", "*")) for role in ROLES]


@pytest.mark.parametrize(("role", "grant"), EVERYWHERE)
@pytest.mark.parametrize("action", ACTIONS)
def test_a_role_may_do_what_it_and_the_roles_before_it_may(role, grant, action):
    expected = ROLES.index(role) >= ROLES.index(ACTIONS[action])

    assert can([grant], action, "shop", "production") is expected


def test_without_a_grant_nothing_may_be_done():
    assert not any(can([], action, "shop", "staging") for action in ACTIONS)


@pytest.mark.parametrize(
    ("grant", "is_allowed"),
    [
        (GrantRow("deployer", "shop", "staging"), True),
        (GrantRow("deployer", "shop", "*"), True),
        (GrantRow("deployer", "*", "staging"), True),
        (GrantRow("deployer", "shop", "production"), False),
        (GrantRow("deployer", "blog", "staging"), False),
        (GrantRow("deployer", "blog", "*"), False),
        (GrantRow("viewer", "shop", "staging"), False),
        (GrantRow("owner", "shop", "staging"), False),
    ],
)
def test_a_grant_reaches_as_far_as_its_app_and_environment(grant, is_allowed):
    assert can([grant], "deploy", "shop", "staging") is is_allowed


def test_any_one_grant_is_enough():
    grants = [GrantRow("viewer", "*", "*"), GrantRow("deployer", "shop", "staging")]

    assert can(grants, "deploy", "shop", "staging")


def test_a_role_in_one_environment_shows_the_app_but_nothing_more():
    grants = [GrantRow("manager", "shop", "staging")]

    assert can(grants, "view", "shop", "")
    assert not can(grants, "manage", "shop", "")
    assert not can(grants, "view", "shop", "production")


def test_an_unknown_action_is_a_bug_and_says_so():
    with pytest.raises(ValueError, match="no action 'dance'"):
        can([GrantRow("manager", "*", "*")], "dance", "shop", "staging")
