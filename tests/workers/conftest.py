"""One installation of a web process and two workers, with two servers to deploy to, for the tests of this folder."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.core import world as core
from tests.services import postgres
from tests.services.redis import Server as Redis
from tests.services.redis import mortal
from tests.workers.installation import Installation

#: What takes long is a part of `make soak`.
collect_ignore = [] if os.environ.get("SHIPROOM_SOAK") else ["test_lost_disk.py", "test_rows.py", "test_twenty.py"]

#: Members of these rooms are quick, and are many.
QUICK = {
    "SHIPROOM_SEND_RATE": "1000",
    "SHIPROOM_ASK_RATE": "5000",
    "SHIPROOM_SOCKETS_PER_PERSON": "100",
    "SHIPROOM_POLLS_PER_PERSON": "100",
    "SHIPROOM_HEARTBEAT_S": "2",
}
LARGE_BYTES = 24 * 1024 * 1024


@pytest.fixture(scope="package")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`main`, and `large`, which takes a while to upload."""
    folder = tmp_path_factory.mktemp("repository") / "shop"
    folder.mkdir()
    core.git(folder, "init", "--quiet", "--initial-branch=main")
    core.commit(folder, "Begin", version="1")
    core.git(folder, "checkout", "--quiet", "-b", "large")
    with Path("/dev/urandom").open("rb") as noise:
        (folder / "photos.bin").write_bytes(noise.read(LARGE_BYTES))
    core.commit(folder, "Show photos", version="2")
    core.git(folder, "checkout", "--quiet", "main")
    return folder


@pytest.fixture(scope="package")
def redis() -> Iterator[Redis]:
    """The installation's own, which may be killed."""
    with mortal() as made:
        yield made


@pytest.fixture(scope="package")
def installation(
    tmp_path_factory: pytest.TempPathFactory, repository: Path, postgres_url: str, redis: Redis
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    with ExitStack() as stack:
        boxes = stack.enter_context(core.boxes(tmp_path_factory.mktemp("boxes"), 2))
        database = stack.enter_context(postgres.empty_database(postgres_url))
        made = Installation(folder, database, redis.url, boxes, **QUICK)
        stack.callback(made.stop)
        made.start(repository)
        yield made


@pytest.fixture
def go() -> Iterator[Path]:
    """A file that lets a deployment pass, once it is there; builds, who are somebody else, can see it."""
    with tempfile.TemporaryDirectory(prefix="shiproom-go-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder, "go")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A test that fails shows the logs of all processes beside the traceback."""
    report = yield
    installation = getattr(item, "funcargs", {}).get("installation")
    if report.failed and installation is not None:
        report.sections.append(("the processes' logs", installation.tail()))
    return report
