"""How far builds are kept from us: the first way of these that works on this machine.

========== ===========================================================================================================
uid        started as root: a user id of its own; where the kernel lets us own mounts and processes too, in which our
           data and secrets are not there
namespace  started as a plain user who may make namespaces: nor is our home folder
none       builds can read what this process can: protected environments refuse, unless SHIPROOM_UNSAFE_BUILDS
========== ===========================================================================================================
"""

import contextlib
import fcntl
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from deploy_core.rules.shell import Argv

#: A number that no distribution gives away; nothing here belongs to it but the build's own folders.
BUILD_UID = 64_640
PLAIN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROBE_S = 10.0
_HOME = "shiproom-build-"

#: Covered by an empty file system in the build's own mounts; the build's folders appear there, whoever may reach ours.
_TOP = "/mnt"
#: A build dies with the worker that started it. A change of user forgets that, so it is said again after each.
_TIED: Argv = ("setpriv", "--pdeathsig", "KILL")
_APART: Argv = (*_TIED, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_AS_BUILD_USER: Argv = (
    *(*_TIED, f"--reuid={BUILD_UID}", f"--regid={BUILD_UID}", "--clear-groups"),
    *("--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a build runs: its folder, and a home that is gone afterwards."""

    way: str
    is_mounted: bool
    folder: Path
    home: Path

    def argv(self, command: Argv) -> Argv:
        """What to start so that `command` runs in its place, in the build's folder."""
        match self.way, self.is_mounted:
            case "uid", True:
                script = f'{self._mounts()}{_secrets_hidden()}exec "$@"'
                return (*_APART, "sh", "-c", script, "sh", *_AS_BUILD_USER, *command)
            case "uid", False:
                return (*_AS_BUILD_USER, *command)
            case "namespace", _:
                own = (f"--map-user={os.getuid()}", f"--map-group={os.getgid()}")
                hidden = _home_hidden() + _secrets_hidden()
                script = f'{self._mounts()}{hidden}cd {_TOP}/build; exec unshare --user {" ".join((*own, *_TIED))} "$@"'
                return (*_APART, "--user", "--map-root-user", "sh", "-c", script, "sh", *command)
        return (*_TIED, *command) if shutil.which(_TIED[0]) else command

    def environment(self) -> dict[str, str]:
        """What the programs that make the place are started with: nothing that a repository says."""
        home = f"{_TOP}/home" if self.is_mounted else str(self.home)
        path = _path_for_others() if self.way == "uid" else os.environ.get("PATH", PLAIN_PATH)
        return {"PATH": path, "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8", "CI": "true"}

    def _mounts(self) -> str:
        folder, home = shlex.quote(str(self.folder)), shlex.quote(str(self.home))
        return (
            f"set -e; mount -t tmpfs -o mode=755 none {_TOP}; mkdir {_TOP}/build {_TOP}/home\n"
            f"mount --bind {folder} {_TOP}/build; mount --bind {home} {_TOP}/home; cd {_TOP}/build\n"
        )


def _home_hidden() -> str:
    """An empty folder in place of our home; what is on PATH stays, read-only."""
    user_home = Path.home().resolve()
    tools = _tools_in(user_home)
    lines = []
    for number, tool in enumerate(tools):
        lines.append(f"mkdir -p {_TOP}/tools/{number}; mount --bind {shlex.quote(str(tool))} {_TOP}/tools/{number}")
    if len(user_home.parts) > 2 or user_home == Path("/root"):
        lines.append(f"mount -t tmpfs -o mode=755 none {shlex.quote(str(user_home))}")
        for number, tool in enumerate(tools):
            quoted = shlex.quote(str(tool))
            lines.append(f"mkdir -p {quoted}; mount --bind {_TOP}/tools/{number} {quoted}")
            lines.append(f"mount -o remount,bind,ro {quoted}; umount {_TOP}/tools/{number}")
    return "\n".join(lines) + "\n"


def _secrets_hidden() -> str:
    """Empty folders in place of our data and of the logins' files, nothing in place of keys and of the agent."""
    agent = os.environ.get("SSH_AUTH_SOCK", "")
    covers = [
        *(("-d", folder) for folder in (settings.SHIPROOM_DATA, settings.SHIPROOM_ARTIFACTS, settings.SECRET_FILES)),
        *(("-f", file) for file in (settings.SHIPROOM_KEY_FILE, settings.VAULT_TOKEN_FILE)),
        *([("-S", agent)] if agent else []),
    ]
    lines = []
    for test, path in covers:
        quoted = shlex.quote(str(Path(path).absolute()))
        mount = "mount -t tmpfs -o mode=755 none" if test == "-d" else "mount --bind /dev/null"
        lines.append(f"[ ! {test} {quoted} ] || {mount} {quoted}")
    return "\n".join(lines) + "\n"


def _path_for_others() -> str:
    """The usual folders, and those of our PATH that a user of its own may enter."""
    entries = [*PLAIN_PATH.split(os.pathsep), *os.environ.get("PATH", "").split(os.pathsep)]
    return os.pathsep.join(dict.fromkeys(entry for entry in entries if entry and _is_open(Path(entry))))


def _is_open(folder: Path) -> bool:
    try:
        resolved = folder.resolve(strict=True)
        return all(path.stat().st_mode & 0o001 for path in (resolved, *resolved.parents))
    except OSError:
        return False


def _tools_in(home: Path) -> list[Path]:
    """The folders directly below `home` that PATH leads into."""
    found = []
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        path = Path(entry or "/").resolve()
        if path.is_relative_to(home) and path != home and path.is_dir():
            found.append(home / path.relative_to(home).parts[0])
    return list(dict.fromkeys(found))


def isolation() -> str:
    """`uid`, `namespace` or `none`: found out once."""
    return _found()[0]


def left_open() -> Path | None:
    """What of ours builds can read all the same: where they have no mounts of their own, every file that is for all.

    Asked anew for each build, as secrets come and go while we run.
    """
    if _found() != ("uid", False):
        return None
    if _is_open(settings.SHIPROOM_DATA):
        return Path(settings.SHIPROOM_DATA)
    files = [Path(settings.SHIPROOM_KEY_FILE), Path(settings.VAULT_TOKEN_FILE)]
    for folder, _, names in os.walk(settings.SECRET_FILES):
        files += [Path(folder, name) for name in names]
    return next((file for file in files if _is_for_all(file)), None)


def _is_for_all(file: Path) -> bool:
    try:
        resolved = file.resolve(strict=True)
        return bool(resolved.stat().st_mode & 0o004) and _is_open(resolved.parent)
    except OSError:
        return False


@lru_cache(maxsize=1)
def _found() -> tuple[str, bool]:
    """The way, and whether builds have mounts of their own."""
    ways = [("uid", True), ("uid", False)] if os.geteuid() == 0 else [("namespace", True)]
    return next((way for way in ways if _works(*way)), ("none", False))


def _works(way: str, is_mounted: bool) -> bool:
    settings.SHIPROOM_DATA.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.SHIPROOM_DATA, prefix="probe-") as folder:
        try:
            with _place(way, is_mounted, Path(folder)) as place:
                argv = place.argv(("sh", "-c", "touch probe && ls -d .. >/dev/null"))
                environment = place.environment()
                done = subprocess.run(
                    argv, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_S
                )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0 and (Path(folder) / "probe").exists()


@contextlib.contextmanager
def apart(folder: Path) -> Iterator[Place]:
    """A place for one build in `folder`, which then belongs to the build's user where there is one."""
    with _place(*_found(), folder) as place:
        yield place


@contextlib.contextmanager
def _place(way: str, is_mounted: bool, folder: Path) -> Iterator[Place]:
    home, held = _home()
    try:
        if way == "uid":
            for top in (folder, home):
                _give_away(top)
        yield Place(way, is_mounted, folder.resolve(), home)
    finally:
        shutil.rmtree(home, ignore_errors=True)
        os.close(held)


def _home() -> tuple[Path, int]:
    """A home for one build, and what holds it as long as this process lives; no program that we start inherits that."""
    while True:
        home = Path(tempfile.mkdtemp(prefix=_HOME))
        held = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(held, fcntl.LOCK_SH)
        if home.exists():
            return home, held
        os.close(held)  # `clear_homes` was quicker


def clear_homes() -> int:
    """Remove the homes of builds that no process holds any more, as after kill -9; how many."""
    count = 0
    for home in Path(tempfile.gettempdir()).glob(f"{_HOME}*"):
        try:
            if home.lstat().st_uid not in (os.geteuid(), BUILD_UID):
                continue
            held = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue  # another user's, or gone
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(home, ignore_errors=True)
            count += 1
        except BlockingIOError:
            continue  # a build lives there
        finally:
            os.close(held)
    return count


def _give_away(top: Path) -> None:
    os.chown(top, BUILD_UID, BUILD_UID)
    for folder, folders, files in os.walk(os.fsencode(top)):
        for name in folders + files:
            os.chown(os.path.join(folder, name), BUILD_UID, BUILD_UID, follow_symlinks=False)
