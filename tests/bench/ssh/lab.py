"""The servers, and the two releases that are brought to them."""

import json
import os
import pwd
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.services import openssh
from tests.services.openssh import Sshd

FILES, LIMIT_BYTES = 7_000, 56 * 1024 * 1024
#: What differs between the two releases: so many files are edited; one comes and one goes besides.
EDITED = 8
#: A release that does not compress, to see what of it a sender holds in memory.
LARGE_MB = 200


@dataclass(frozen=True)
class Lab:
    """`top` holds the releases `A` and `B`, `key`, `ssh_config`, `known_hosts`, and all of it in words: `lab.json`."""

    top: Path
    servers: list[Sshd]

    @property
    def user(self) -> str:
        return self.servers[0].address.user

    def app(self, server: Sshd) -> Path:
        return server.folder / "app"

    def empty(self) -> None:
        """No release anywhere."""
        for server in self.servers:
            shutil.rmtree(self.app(server), ignore_errors=True)
            self.app(server).mkdir()
            _give(self.app(server), self.user)

    def lay_out(self) -> None:
        """Release A on every server, current: what tools other than ours left there the time before."""
        self.empty()
        for server in self.servers:
            releases = self.app(server) / "releases"
            releases.mkdir()
            subprocess.run(["cp", "-a", str(self.top / "A"), str(releases / "A")], check=True)
            (self.app(server) / "current").symlink_to("releases/A")
            subprocess.run(["chown", "-hR", self.user, str(self.app(server))], check=True)

    def faults(self, release: str, before: str = "") -> list[str]:
        """Servers whose current release is not `release`, or on which the release in the folder `before` is not A."""
        wanted, old = digest(self.top / release), digest(self.top / "A") if before else ""

        def look(server: Sshd) -> list[str]:
            found = []
            if digest(self.app(server) / "current") != wanted:
                found.append(f"{server.address.name}: another release")
            if before and digest(self.app(server) / "releases" / before) != old:
                found.append(f"{server.address.name}: the release before was changed")
            return found

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return [fault for found in pool.map(look, self.servers) for fault in found]


def digest(top: Path) -> str:
    """All of a tree: names, and what the files hold; empty if there is none."""
    if not top.is_dir():
        return ""
    script = "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum -- | sha256sum"
    done = subprocess.run(["sh", "-c", script], cwd=top.resolve(), check=True, capture_output=True, text=True)
    return done.stdout.split()[0]


@contextmanager
def running(count: int) -> Iterator[Lab]:
    memory = Path("/dev/shm")  # memory, if there is enough of it
    is_roomy = memory.is_dir() and shutil.disk_usage(memory).free > (count + 4) * 3 * LIMIT_BYTES
    with openssh.running(count, below=memory if is_roomy else None) as servers:
        top = servers[0].folder.parent.parent
        make_releases(top)
        lab = Lab(top, servers)
        _write_access(lab)
        yield lab


def make_releases(top: Path) -> None:
    """A: source files of the installed packages, the same for the same pins. B: A with some changes."""
    packages = Path(sysconfig.get_paths()["purelib"])
    found = sorted(path for path in packages.rglob("*") if path.suffix in (".py", ".po", ".html", ".js", ".txt"))
    total = 0
    taken: list[Path] = []
    for path in found:
        size = path.stat().st_size
        if len(taken) == FILES:
            break
        if size < 100_000 and total + size <= LIMIT_BYTES:
            total += size
            taken.append(path)
    for path in taken:
        target = top / "A" / path.relative_to(packages)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    (top / "A").chmod(0o755)
    subprocess.run(["cp", "-a", str(top / "A"), str(top / "B")], check=True)
    step = len(taken) // (EDITED + 1)
    for path in taken[step : step * (EDITED + 1) : step]:
        with (top / "B" / path.relative_to(packages)).open("a") as file:
            file.write("\n# edited\n")
    (top / "B" / taken[0].relative_to(packages)).unlink()
    (top / "B/added.py").write_text("added = True\n")


def make_large(top: Path) -> None:
    """L: files of 1 MB each, of random bytes."""
    (top / "L").mkdir()
    for number in range(LARGE_MB):
        (top / f"L/{number}").write_bytes(os.urandom(2**20))


def _write_access(lab: Lab) -> None:
    key = lab.top / "key"
    key.write_bytes(lab.servers[0].key.pem)
    key.chmod(0o600)
    hosts, known = [], []
    for server in lab.servers:
        it = server.address
        hosts.append(f"Host {it.name}\n  HostName 127.0.0.1\n  Port {it.port}\n")
        known.append(f"[127.0.0.1]:{it.port} {it.host_key}\n")
    common = f"""\
Host *
  User {lab.user}
  IdentityFile {key}
  IdentitiesOnly yes
  UserKnownHostsFile {lab.top}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
  LogLevel ERROR
"""
    # The cheapest that stock OpenSSH offers: its default key exchange costs many times more.
    cheap = "  KexAlgorithms curve25519-sha256\n  Ciphers aes128-gcm@openssh.com\n"
    (lab.top / "known_hosts").write_text("".join(known))
    (lab.top / "ssh_config").write_text("".join(hosts) + common + cheap)
    (lab.top / "ssh_config_default").write_text("".join(hosts) + common)
    servers = [
        {"name": it.address.name, "port": it.address.port, "host_key": it.address.host_key, "app": str(lab.app(it))}
        for it in lab.servers
    ]
    (lab.top / "lab.json").write_text(json.dumps({"top": str(lab.top), "user": lab.user, "servers": servers}))


def _give(path: Path, user: str) -> None:
    os.chown(path, pwd.getpwnam(user).pw_uid, -1)
