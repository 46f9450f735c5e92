"""`manage.py say`: the room's road from a shell, with exit statuses that a script can use."""

from tests.services.shiproom import Shiproom


def test_a_deployment_that_succeeds_exits_0(server: Shiproom) -> None:
    said = server.say("/deploy shop to staging")

    assert said.returncode == 0, said.stdout + said.stderr
    assert set(server.versions("staging").values()) == {"1.2.0"}


def test_a_deployment_that_fails_exits_1_and_says_why(server: Shiproom) -> None:
    said = server.say("/deploy shop/broken to staging")

    assert said.returncode == 1, said.stdout + said.stderr
    assert "health" in said.stdout
    assert "503" in said.stdout


def test_a_line_that_is_refused_exits_2_and_says_what_was_meant(server: Shiproom) -> None:
    newest = server.newest_deployment()

    said = server.say("/deploy shop to stagng")

    assert said.returncode == 2, said.stdout + said.stderr
    assert "/deploy shop to staging" in said.stdout + said.stderr
    assert server.newest_deployment() == newest


def test_somebody_without_the_role_is_refused(server: Shiproom) -> None:
    newest = server.newest_deployment()

    said = server.say("/deploy shop to staging", by="carol")

    assert said.returncode == 2, said.stdout + said.stderr
    assert server.newest_deployment() == newest


def test_what_waits_for_an_approval_exits_4_and_runs_once_somebody_else_approves(server: Shiproom) -> None:
    _need_approvals(server, 1)
    try:
        asked = server.say("/deploy shop/v1.1.0 to staging")
        number = server.newest_deployment()
        own = server.say(f"/approve #{number}")
        other = server.say(f"/approve #{number}", by="bob")

        assert asked.returncode == 4, asked.stdout + asked.stderr
        assert own.returncode == 2, own.stdout + own.stderr
        assert other.returncode == 0, other.stdout + other.stderr
        assert server.ended(number)[0] == "succeeded"
        assert set(server.versions("staging").values()) == {"1.1.0"}
    finally:
        _need_approvals(server, 0)


def _need_approvals(server: Shiproom, count: int) -> None:
    server.run_code(
        "from deploy_core.models import Environment;"
        f"Environment.objects.filter(name='staging').update(approvals_needed={count})"
    )
