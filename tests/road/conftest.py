"""A demo of its own for the tests of this folder, which break it."""

from collections.abc import Iterator

import pytest

from tests.services import shiproom, small_disk
from tests.services.shiproom import Shiproom
from tests.services.small_disk import SmallDisk


@pytest.fixture(scope="package")
def full_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    """A disk that can be filled."""
    with small_disk.running(tmp_path_factory.mktemp("small") / "disk") as disk:
        yield disk


@pytest.fixture(scope="package")
def server() -> Iterator[Shiproom]:
    """A demo with three servers."""
    with shiproom.running() as room:
        yield room


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A test of the road that fails shows the server's log beside the traceback."""
    report = yield
    server = getattr(item, "funcargs", {}).get("server")
    if report.failed and server is not None:
        report.sections.append(("the server's log", server.tail()))
    return report
