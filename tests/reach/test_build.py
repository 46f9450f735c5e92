"""Builds: strangers' commands, their limits, and what they cannot see."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from deploy_core.errors import BuildError, Cancelled
from deploy_core.reach import build, isolation
from deploy_core.reach.masking import Masker
from deploy_core.run import preparing
from tests.waiting import asleep, wait_until


@pytest.fixture
def folder(tmp_path) -> Path:
    made = tmp_path / "tree"
    made.mkdir()
    (made / "source").write_text("content\n")
    return made


def run(folder: Path, *commands: str, **options) -> list[tuple[str, str]]:
    """The lines it said."""
    heard: list[tuple[str, str]] = []
    settings = {"variables": {}, "timeout_s": 60.0} | options
    build.run(commands, folder, on_line=lambda stream, text: heard.append((stream, text)), **settings)
    return heard


def is_running(words: str) -> bool:
    said = subprocess.run(["ps", "-eo", "stat,args"], capture_output=True, check=True).stdout.decode()
    return any(words in line and not line.startswith("Z") for line in said.splitlines())


def test_commands_run_one_after_another_in_the_folder(folder):
    heard = run(folder, "cat source; echo two > made", "echo $(cat made) >&2")

    assert heard == [
        ("m", "$ cat source; echo two > made"),
        ("o", "content"),
        ("m", "$ echo $(cat made) >&2"),
        ("e", "two"),
    ]
    assert (folder / "made").read_text() == "two\n"


def test_a_command_that_fails_ends_the_build_with_its_last_lines(folder):
    with pytest.raises(BuildError) as caught:
        run(folder, "echo compiling; echo 'source:1: wrong' >&2; exit 3", "touch never")

    assert caught.value.code == "build_failed"
    assert caught.value.params["exit_status"] == 3
    assert caught.value.params["tail"] == "source:1: wrong"
    assert str(caught.value.params["command"]).startswith("echo compiling")
    assert not (folder / "never").exists()


def test_a_line_that_fails_fails_the_command(folder):
    with pytest.raises(BuildError):
        run(folder, "false\necho after")


def test_a_command_that_kills_itself_is_a_failure(folder):
    with pytest.raises(BuildError) as caught:
        run(folder, "sh -c 'kill -9 $$'")

    assert caught.value.params["exit_status"] == 137


def test_nothing_comes_on_stdin(folder):
    assert run(folder, "cat; echo end")[1:] == [("o", "end")]


def test_only_the_variables_given_are_seen(folder, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "must-not-be-seen")
    monkeypatch.setenv("DATABASE_URL", "must-not-be-seen")

    seen = dict(text.split("=", 1) for _, text in run(folder, "env", variables={"PORT": "8080"})[1:])

    assert seen["PORT"] == "8080"
    assert set(seen) <= {"PORT", "PATH", "HOME", "TMPDIR", "LANG", "CI", "PWD", "OLDPWD", "SHLVL", "_"}


def test_a_repository_does_not_choose_the_programs_that_set_it_apart(folder, tmp_path):
    canary = tmp_path / "canary"
    (folder / "bin").mkdir()
    for name in ("setpriv", "unshare", "mount", "env"):
        (folder / "bin" / name).write_text(f"#!/bin/sh\ntouch {canary}\n")
        (folder / "bin" / name).chmod(0o755)

    heard = run(folder, 'echo "$PATH $LD_PRELOAD"', variables={"PATH": "bin", "LD_PRELOAD": "a b"})

    assert not canary.exists()
    assert ("o", "bin a b") in heard


def test_home_and_temporary_files_are_gone_afterwards(folder):
    before = set(os.listdir("/tmp"))

    heard = run(folder, 'touch "$HOME/x" "$TMPDIR/y"; ls "$HOME"')

    assert [text for _, text in heard[1:]] == ["x", "y"]
    assert not [name for name in set(os.listdir("/tmp")) - before if name.startswith("shiproom-build-")]


def test_a_build_that_hangs_is_killed_with_all_it_started(folder):
    with pytest.raises(BuildError) as caught:
        run(folder, f"echo last words; {asleep(1)} & {asleep(2)}", timeout_s=0.5)

    assert caught.value.code == "build_timed_out"
    assert caught.value.params["tail"] == "last words"
    assert not is_running(asleep(1))
    assert not is_running(asleep(2))


def test_a_cancelled_build_is_killed(folder):
    started = threading.Event()

    with pytest.raises(Cancelled):
        build.run(
            [f"echo up; {asleep(3)}"],
            folder,
            variables={},
            on_line=lambda stream, text: stream == "o" and started.set(),
            timeout_s=60,
            stop=started.is_set,
        )

    assert not is_running(asleep(3))


def test_endless_output_is_capped_and_killed(folder):
    with pytest.raises(BuildError) as caught:
        run(folder, f"yes {asleep(4)}", limit_bytes=500_000)

    assert caught.value.code == "build_output_limit"
    assert not is_running(asleep(4))


def test_what_a_build_leaves_running_ends_with_it(folder):
    began = time.monotonic()

    heard = run(folder, f"{asleep(5)} & echo started")

    assert heard[1:] == [("o", "started")]
    assert time.monotonic() - began < 20
    wait_until(lambda: not is_running(asleep(5)))


def test_secrets_are_masked_in_lines_and_errors(folder):
    heard: list[str] = []

    with pytest.raises(BuildError) as caught:
        build.run(
            ["printf hunter2-; sleep 0.05; echo hunter2 >&1; echo hunter2-hunter2 >&2; exit 1"],
            folder,
            variables={},
            on_line=lambda stream, text: heard.append(text),
            timeout_s=60,
            mask=Masker(["hunter2-hunter2"]),
        )

    assert "hunter2-hunter2" not in str(heard) + str(caught.value)
    assert "[MASKED]" in heard


# --- apart ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def secret(settings) -> Path:
    """A file in the data folder that a build must not read."""
    settings.SHIPROOM_DATA.mkdir(parents=True, exist_ok=True)
    path = settings.SHIPROOM_DATA / "a-secret"
    path.touch(0o600)
    path.write_text("must-not-be-seen")
    return path


def test_a_build_cannot_read_our_data_nor_our_processes(folder, secret):
    """Where this machine allows nothing (`none`), that is what the page of a protected environment says."""
    if isolation.isolation() == "none":
        assert run(folder, f"cat {secret}")[1:] == [("o", "must-not-be-seen")]
        return

    script = f"cat {secret}; cat /proc/{os.getpid()}/environ; kill -9 {os.getpid()}; echo end"
    heard = run(folder, f"({script}) 2>/dev/null || :; echo end")

    assert heard[1:] == [("o", "end")] or heard[1:] == [("o", "end"), ("o", "end")]


def let_others_in(folder: Path) -> None:
    """Into a folder of pytest's, which keeps others out."""
    top = folder
    while top != Path("/tmp") and os.access(top, os.W_OK) and top != top.parent:
        top.chmod(top.stat().st_mode | 0o055)
        top = top.parent


@pytest.fixture
def left_lying(tmp_path, settings, monkeypatch) -> Iterator[list[Path]]:
    """A login's file, a token of Vault and the socket of an agent, where others may come."""
    let_others_in(tmp_path)
    login, token, agent = tmp_path / "secrets/web-key", tmp_path / "vault-token", tmp_path / "agent"
    login.parent.mkdir()
    for path in (login, token):
        path.write_text("must-not-be-seen")
        path.chmod(0o444)
    settings.SECRET_FILES, settings.VAULT_TOKEN_FILE = str(login.parent), str(token)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(agent))
        yield [login, token, agent]


SEEN = "cat {} {} 2>/dev/null || echo hidden; [ -S {} ] || echo no agent"


def test_a_build_cannot_read_the_files_of_logins_nor_reach_the_agent(folder, left_lying):
    heard = run(folder, SEEN.format(*left_lying))[1:]

    has_mounts = isolation._found()[1]
    assert heard == [("o", "hidden"), ("o", "no agent")] if has_mounts else heard[0][1].startswith("must-not-be-seen")


def test_what_is_left_open_to_a_build_without_mounts_is_named(left_lying, tmp_path, settings, monkeypatch):
    login, token, _ = left_lying
    settings.SHIPROOM_DATA = tmp_path / "data"
    settings.SHIPROOM_DATA.mkdir(0o755)
    found = []

    monkeypatch.setattr(isolation, "_found", lambda: ("uid", False))
    for path in (settings.SHIPROOM_DATA, token, login):
        found.append(isolation.left_open())
        path.chmod(path.stat().st_mode & 0o770)

    assert found == [settings.SHIPROOM_DATA, token, login]
    assert isolation.left_open() is None
    login.chmod(0o444)
    monkeypatch.setattr(isolation, "_found", lambda: ("uid", True))
    assert isolation.left_open() is None


@pytest.mark.parametrize(("way", "path", "code"), [("none", None, "build_not_apart"), ("uid", "/x", "build_reads")])
def test_a_protected_environment_takes_no_build_that_reads_what_is_ours(way, path, code, monkeypatch):
    production = SimpleNamespace(name="production", is_protected=True)
    course = SimpleNamespace(deployment=SimpleNamespace(environment=production))
    monkeypatch.setattr(isolation, "isolation", lambda: way)
    monkeypatch.setattr(isolation, "left_open", lambda: path)

    with pytest.raises(BuildError) as caught:
        preparing.build_tree(course)(None)

    assert caught.value.code == code


PLAIN_USER = """
import os, sys
from pathlib import Path
from deploy_core.reach import build, isolation
folder = Path(sys.argv[1])
secret = Path(os.environ["SHIPROOM_DATA"], "a-secret")
secret.parent.mkdir(parents=True, exist_ok=True)
secret.touch(0o600)
secret.write_text("must-not-be-seen")
print(isolation.isolation())
build.run(
    [sys.argv[2], f"cat {secret} || echo hidden; ls -A $HOME; id -u; echo made > made"],
    folder, variables={}, on_line=lambda stream, text: print(stream, text), timeout_s=60,
)
"""


def test_a_plain_user_hides_data_logins_and_agent_from_builds(tmp_path, left_lying, settings):
    """As root, this becomes one first; the other way round is not possible."""
    uid = os.getuid() or 65_534
    folder, data, home = tmp_path / "tree", tmp_path / "var", tmp_path / "home"
    for path in (folder, data, home):
        path.mkdir()
        os.chown(path, uid, -1)
    let_others_in(tmp_path)
    become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if os.getuid() == 0 else []

    done = subprocess.run(
        [*become, sys.executable, "-c", PLAIN_USER, str(folder), SEEN.format(*left_lying)],
        env={
            "PATH": os.defpath,
            "HOME": str(home),
            "SHIPROOM_DATA": str(data),
            "SHIPROOM_SECRET_FILES": settings.SECRET_FILES,
            "SHIPROOM_VAULT_TOKEN_FILE": settings.VAULT_TOKEN_FILE,
            "SSH_AUTH_SOCK": os.environ["SSH_AUTH_SOCK"],
            "DJANGO_SETTINGS_MODULE": "chatops.settings",
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        capture_output=True,
        check=False,
    )

    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0, done.stderr.decode()
    assert lines[0] in ("namespace", "none")
    assert ("must-not-be-seen" in "".join(lines)) is (lines[0] == "none")
    assert ("o no agent" in lines) is (lines[0] == "namespace")
    assert f"o {uid}" in lines
    assert (folder / "made").read_text() == "made\n"


def test_no_build_outlives_a_worker_that_was_killed(folder, tmp_path, monkeypatch):
    """In namespaces of its own, that is: their first process dies with the one that made them. Nor does its home."""
    homes = tmp_path / "homes"
    homes.mkdir(mode=0o755)
    monkeypatch.setattr("tempfile.tempdir", str(homes))
    script = (
        "import sys; from pathlib import Path; from deploy_core.reach import build\n"
        f"build.run(['{asleep(6)}'], Path(sys.argv[1]), variables=dict(), on_line=print, timeout_s=60)"
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)],
        env={**os.environ, "SHIPROOM_DATA": str(tmp_path / "var"), "TMPDIR": str(homes)},
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: is_running(asleep(6)))
        assert isolation.clear_homes() == 0  # somebody lives there
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    assert len(os.listdir(homes)) == 1
    assert isolation.clear_homes() == 1
    assert os.listdir(homes) == []
    if isolation.isolation() != "none":
        wait_until(lambda: not is_running(asleep(6)))
