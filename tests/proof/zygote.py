"""A process that has everything loaded, and forks one child per order: `go REF K`, `again PK K`, `verify`.

A child walks a deployment as the one process does, and is killed (SIGKILL, by itself) at its K-th failpoint: just
before and just after every commit to the database, and every command, with what it is fed, that goes to a server.
K 0: never. It answers each order with one line: the signal that ended the child (0: none), and how many failpoints it
passed.
"""

import itertools
import os
import signal
import struct
import sys
from typing import Any

import django

django.setup()

from django.db import connections  # noqa: E402
from django.db.backends.base.base import BaseDatabaseWrapper  # noqa: E402

from deploy_core import deployments  # noqa: E402
from deploy_core.ledger import anchors  # noqa: E402
from deploy_core.models import Environment, Person  # noqa: E402
from deploy_core.reach.ssh.session import Session  # noqa: E402
from deploy_core.run import runner  # noqa: E402


def kill_at(number: int, passed: int) -> None:
    """From here on each failpoint counts; the `number`-th kills. The count goes to the pipe `passed`."""
    count = itertools.count(1)

    def point() -> None:
        here = next(count)
        os.pwrite(passed, struct.pack("q", here), 0)
        if here == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def pointed(*args: Any, **kwargs: Any) -> Any:
            point()
            result = real(*args, **kwargs)
            point()
            return result

        setattr(owner, name, pointed)

    around(BaseDatabaseWrapper, "_commit")
    around(Session, "run")


def go(ref: str) -> None:
    """Ask for `ref` and walk it to its end."""
    environment = Environment.objects.select_related("app").get()
    by = Person.objects.filter(grants__role="deployer").first()
    assert by is not None
    deployment = deployments.request(environment.app, ref, environment, by=by, surface="web")
    walk(deployment.pk)


def again(pk: int) -> None:
    """Walk on, as the engine does at its next start."""
    walk(pk)


def walk(pk: int) -> None:
    runner.plan(pk)
    runner.run(pk)


def main() -> None:
    path = os.path.join(os.environ["SHIPROOM_DATA"], "passed")
    for order in sys.stdin:
        verb, *rest = order.split()
        passed = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.pwrite(passed, struct.pack("q", 0), 0)
        connections.close_all()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                if verb == "verify":
                    status = 0 if not anchors.verify().why else 3
                else:
                    kill_at(int(rest[1]), passed)
                    go(rest[0]) if verb == "go" else again(int(rest[0]))
                    status = 0
            finally:
                sys.stderr.flush()
                os._exit(status)
        _, how = os.waitpid(pid, 0)
        (count,) = struct.unpack("q", os.pread(passed, 8, 0))
        os.close(passed)
        print(how, count, flush=True)


if __name__ == "__main__":
    main()
