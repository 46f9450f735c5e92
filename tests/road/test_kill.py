"""The one process is killed while it uploads, and once more while it recovers: nothing is ever half-switched."""

import os
import re
from pathlib import Path

import httpx

from tests.services import branches
from tests.services.shiproom import Shiproom
from tests.waiting import wait_until

LARGE_BYTES = 10 * 1024 * 1024
ENDED = "SELECT count(*) FROM deploy_core_deployment WHERE id = ? AND finished IS NOT NULL"
UPLOADING = """
    SELECT count(*) FROM deploy_core_step WHERE deployment_id = ? AND kind = 'stage' AND status = 'running'
"""
TAKEN_OVER = "SELECT count(*) FROM deploy_core_journalentry WHERE deployment_id = ? AND kind = 'deployment.taken_over'"


def _large(folder: Path) -> None:
    (folder / "shop" / "photos.bin").write_bytes(os.urandom(LARGE_BYTES))
    (folder / "VERSION").write_text("2.0.0\n")


def _homes(server: Shiproom) -> list[Path]:
    return sorted((server.data / "demo" / "servers").glob("web-*/apps/shop/staging"))


def _currents(server: Shiproom) -> set[str]:
    """What `current` leads to on the servers; every one of them is a complete release with its manifest's id."""
    for home in _homes(server):
        release = (home / "current").resolve()
        assert (release / "VERSION").is_file()
        assert release.with_name(release.name + ".id").read_text().strip()
    return {(home / "current").resolve().name for home in _homes(server)}


def test_killed_while_uploading_and_while_recovering_it_ends_in_a_true_state(server: Shiproom) -> None:
    assert server.say("/deploy shop to staging").returncode == 0
    [old] = _currents(server)
    branches.push(server, "large", "Show photos", _large)
    newest = server.newest_deployment()
    assert server.say("/deploy shop/large to staging", wait=False).returncode == 0
    number = server.deployment_after(newest)

    for _ in range(2):
        wait_until(lambda: server.rows(UPLOADING, number)[0][0] or server.rows(ENDED, number)[0][0], what="an upload")
        server.kill()
        assert len(_currents(server)) == 1
        server.start()

    status, reason = server.ended(number)
    assert (status, reason) == ("succeeded", "")
    assert server.rows(TAKEN_OVER, number)[0][0] >= 1
    [new] = _currents(server)
    assert new != old
    wait_until(lambda: set(server.versions("staging").values()) == {"2.0.0"}, what="the shop's copies answer")
    assert not [left for home in _homes(server) for left in home.glob(".stage.*")]
    assert server.say("/deploy shop to staging").returncode == 0, "the queue is free"


def test_the_page_of_a_deployment_that_was_interrupted_says_what_the_rows_say(server: Shiproom) -> None:
    number = server.newest_deployment()

    page = httpx.get(
        f"{server.url}/deployments/{number}/", cookies=server.cookies("alice"), trust_env=False, timeout=20
    )

    rows = re.findall(r'data-key="([^"]+)" data-status="([^"]+)"', page.text)
    shown = {key: status for key, status in rows if status and not key.startswith("server:")}  # those sum up
    assert shown == server.steps(number)
