"""Names of machines and logins."""

import pytest

from deploy_core.rules import machines


@pytest.mark.parametrize("host", ["web-1", "web_1.example.org", "web.example.org.", "10.0.0.5", "::1", "a" * 63])
def test_names_and_addresses_are_hosts(host):
    assert machines.is_host(host)


@pytest.mark.parametrize(
    "host",
    ["", "-oProxyCommand=x", "host;id", "a b", "[::1]", "::1%eth0", "web-", "a..b", "a\n", "a/b", "a@b", "é", "a" * 64],
)
def test_nothing_else_is_a_host(host):
    assert not machines.is_host(host)


@pytest.mark.parametrize(
    ("user", "is_good"), [("deploy", True), ("_www.1-a", True), ("-l", False), ("a b", False), ("", False)]
)
def test_a_login_has_a_name_that_no_program_takes_for_an_option(user, is_good):
    assert machines.is_user(user) is is_good


@pytest.mark.parametrize(
    ("taken", "wanted", "free"),
    [
        ({"api-08", "api-09"}, "api-08", ["api-10", "api-11"]),
        ({"web-1"}, "web-1", ["web-2", "web-3"]),
        ({"db"}, "db", ["db-2", "db-3"]),
    ],
)
def test_free_names_are_like_the_wanted_one(taken, wanted, free):
    assert machines.free_names(taken, wanted) == free
