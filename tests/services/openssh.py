"""Real OpenSSH servers for tests: N sshd on loopback, each with its host key, its port and a folder of its own.

As root the login is a throw-away user (its shell reads no slow start-up files, and it has a password); otherwise it is
whoever runs the tests, by key only.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy_core.reach.connection import KeyLogin, PasswordLogin, ServerAddress
from tests.services import Missing
from tests.waiting import wait_until

HOW = "apt-get install openssh-server (nothing of it has to run)."
USER_PREFIX = "shiproom-t"


@dataclass(frozen=True)
class Sshd:
    """A running server. `folder` belongs to the login and is empty; `password` is `None` when not root."""

    address: ServerAddress
    key: KeyLogin
    password: PasswordLogin | None
    folder: Path
    log: Path
    process: "subprocess.Popen[bytes]"


def program() -> str:
    """The sshd program; it insists on being started by its full path."""
    found = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
    if not found or not shutil.which("ssh-keygen"):
        raise Missing(HOW)
    return found


def describe() -> str:
    return program()


@contextmanager
def running(
    count: int = 1, *, config: str = "", under: Sequence[str] = (), below: Path | None = None
) -> Iterator[list[Sshd]]:
    """`count` servers that answer; they, their sessions, the user and the folders are gone afterwards.

    `config` is added to sshd_config, `under` is an argv that starts the server's, `below` is where their folders lie.
    """
    program()
    # Not pytest's folder, which only its owner may enter.
    top = Path(tempfile.mkdtemp(prefix="shiproom-sshd-", dir=below))
    top.chmod(0o755)
    servers: list[Sshd] = []
    try:
        with _login(top) as (user, password):
            make_key(top / "login")
            shutil.copy(top / "login.pub", top / "authorized_keys")
            (top / "authorized_keys").chmod(0o644)
            try:
                for number in range(1, count + 1):
                    name = f"server-{number}"
                    servers.append(_start(top / name, name, user, password, top, config, under))
                for server in servers:
                    wait_until(lambda it=server: _answers(it), what=f"{server.address.name} answers")
                yield servers
            finally:
                for server in servers:
                    server.process.terminate()
                for server in servers:
                    server.process.wait()
                if user != pwd.getpwuid(os.getuid()).pw_name:
                    _end_processes_of(pwd.getpwnam(user).pw_uid)
    finally:
        shutil.rmtree(top, ignore_errors=True)


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> bytes:
    """A new key pair in `path` and `path.pub`; the private one."""
    # As small and as little hardened as they come: these keys guard nothing.
    cheap = ["-b", "2048"] if kind == "rsa" else []
    argv = ["ssh-keygen", "-q", "-t", kind, *cheap, "-a", "1", "-N", passphrase, "-C", "test", "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return path.read_bytes()


def free_port() -> int:
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        port: int = it.getsockname()[1]
        return port


def _start(folder: Path, name: str, user: str, password: str, top: Path, more: str, under: Sequence[str]) -> Sshd:
    own = folder / "home"
    own.mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(own, pwd.getpwnam(user).pw_uid, -1)
        Path("/run/sshd").mkdir(exist_ok=True)  # where sshd keeps nothing, but insists on
    make_key(folder / "host_key")
    port = free_port()
    config = folder / "sshd_config"
    config.write_text(
        f"""\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {top}/authorized_keys
PasswordAuthentication {"yes" if password else "no"}
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin yes
UseDNS no
PrintMotd no
AcceptEnv LANG
AllowTcpForwarding yes
MaxStartups 200
MaxSessions 100
LogLevel VERBOSE
Subsystem sftp internal-sftp
{more}
"""
    )
    # setpriv: if the tests are killed, the server goes with them.
    tied = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
    process = subprocess.Popen(
        [*tied, *under, program(), "-D", "-f", str(config), "-E", str(folder / "log")], stdin=subprocess.DEVNULL
    )
    kind, blob = (folder / "host_key.pub").read_text().split()[:2]
    return Sshd(
        address=ServerAddress(name, "127.0.0.1", port, user, f"{kind} {blob}"),
        key=KeyLogin((top / "login").read_bytes()),
        password=PasswordLogin(password) if password else None,
        folder=own,
        log=folder / "log",
        process=process,
    )


def _answers(server: Sshd) -> bool:
    if server.process.poll() is not None:
        raise AssertionError(f"sshd ended with {server.process.returncode}:\n{server.log.read_text()}")
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.address.port), 1) as it:
        it.settimeout(2)
        return it.recv(4) == b"SSH-"
    return False


# --- the login --------------------------------------------------------------------------------------------------------


@contextmanager
def _login(top: Path) -> Iterator[tuple[str, str]]:
    """A user and their password (empty: by key only)."""
    if os.geteuid() != 0:
        yield pwd.getpwuid(os.getuid()).pw_name, ""
        return
    _remove_left_over_users()
    user, password = f"{USER_PREFIX}{os.getpid()}-{secrets.token_hex(2)}", secrets.token_urlsafe(12)
    home = top / "login-home"
    home.mkdir()
    argv = ["useradd", "--no-create-home", "--home-dir", str(home), "--shell", "/bin/sh", "--no-user-group", user]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    try:
        os.chown(home, pwd.getpwnam(user).pw_uid, -1)
        subprocess.run(["chpasswd"], input=f"{user}:{password}".encode(), check=True)
        yield user, password
    finally:
        _remove_user(user)


def _remove_left_over_users() -> None:
    """Of test runs that were killed: their process id is in the name."""
    for entry in pwd.getpwall():
        if entry.pw_name.startswith(USER_PREFIX):
            process = entry.pw_name.removeprefix(USER_PREFIX).partition("-")[0]
            if process.isdigit() and not Path("/proc", process).exists():
                _end_processes_of(entry.pw_uid)
                _remove_user(entry.pw_name)


def _remove_user(user: str) -> None:
    subprocess.run(["userdel", "--force", user], check=False, stdin=subprocess.DEVNULL, capture_output=True)


def _end_processes_of(uid: int) -> None:
    """Sessions outlive their server; nothing may outlive the user."""
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and folder.stat().st_uid == uid:
                os.kill(int(folder.name), signal.SIGKILL)
