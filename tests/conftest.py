"""What every test may use. Services are started by the first test that asks, once per process."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.contenttypes.management import create_contenttypes
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils import translation

from tests.cases import proven
from tests.proof import tally
from tests.services import chromium, described, migrated, postgres, redis
from tests.settings import remove_folder
from tests.side_by_side import SHARING, ByFile
from tests.spoiling import lift


def pytest_report_header() -> list[str]:
    return [
        described("redis", redis.describe),
        described("postgres", postgres.describe),
        described("browser", chromium.describe),
        proven.describe(),
    ]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--proof-list", action="store_true", help="print which test proves what, and run none")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """`make proof-list`."""
    if session.config.getoption("--proof-list"):
        print("\n".join(tally.listing(item.nodeid for item in session.items)))
        pytest.exit("that was all", returncode=0)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """The last line says what this run has proven, counted from the ids of the tests that passed."""
    yield
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(session.config, "workerinput"):
        return
    found = tally.count({report.nodeid for report in reporter.stats.get("passed", [])})
    if any(found):
        reporter.write_line(found.line())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first."""
    items.sort(key=lambda item: item.path.parent.name not in SHARING)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Files, and folders that share a server, stay on one worker; the order is kept."""
    config.option.loadscopereorder = False
    return ByFile(config, log)


def pytest_unconfigure() -> None:
    """A worker of xdist may end without its atexit functions."""
    remove_folder()


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_modify_db_settings: None, django_db_keepdb: bool) -> bool:
    """On SQLite the database of this process is there already: a copy of the one that is migrated once for all."""
    given = connections["default"].settings_dict
    if given["ENGINE"] != "django.db.backends.sqlite3":
        return django_db_keepdb
    migrated.copy(Path(given["TEST"]["NAME"]))
    return True


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """The database of this process, in which tests may spoil and remove what real ones never let go."""
    with django_db_blocker.unblock():
        lift()


@pytest.fixture(scope="session", autouse=True)
def _programs_read_the_real_settings() -> None:
    """This process has read tests.settings; the programs it starts are installations like any other."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "chatops.settings"


@pytest.fixture(scope="session", autouse=True)
def _no_row_that_nobody_reads() -> None:
    """Django makes permissions and content types anew whenever a test with transactions of its own has emptied the
    tables, which takes longer than most of these tests. Rights here are grants.
    """
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    post_migrate.disconnect(create_contenttypes)


@pytest.fixture(autouse=True)
def _the_next_test_speaks_english() -> Iterator[None]:
    """Django's middleware gives its thread the reader's language and leaves it there; tests share the thread."""
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def _nobody_has_sent_anything_yet() -> None:
    """Rows are taken back after a test, and the next person with the same number is another one."""
    from chatops.room import pace

    pace.forget()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The address of a real Redis."""
    with redis.running() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a real Postgres; `tests.services.postgres.empty_database` makes a database in it."""
    with postgres.running() as url:
        yield url
