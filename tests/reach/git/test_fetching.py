"""What is fetched, from where, and within which limits."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import git
import pytest

from deploy_core.errors import Cancelled, GitError
from deploy_core.reach.git import Mirror, is_allowed_url
from tests.reach.wires import tcp_server
from tests.waiting import wait_until


def test_a_mirror_follows_branches_and_tags(repository, mirror):
    first = repository.git("rev-parse", "HEAD")
    repository.git("tag", "-a", "v1", "-m", "Version 1")
    repository.git("branch", "feature/x")
    second = repository.commit("Second", file="two\n")
    mirror.fetch()
    assert {(ref.kind, ref.name, ref.revision) for ref in mirror.refs()} == {
        ("branch", "main", second),
        ("branch", "feature/x", first),
        ("tag", "v1", first),
    }

    repository.git("branch", "-D", "feature/x")
    repository.git("tag", "-d", "v1")
    repository.git("reset", "-q", "--hard", first)
    mirror.fetch()

    assert [(ref.name, ref.revision) for ref in mirror.refs()] == [("main", first)]


def test_refs_of_other_kinds_are_not_fetched(repository, mirror):
    repository.git("update-ref", "refs/pull/1/head", "HEAD")
    mirror.fetch()

    assert [ref.name for ref in mirror.refs()] == ["main"]


def test_a_tag_of_a_file_is_not_a_ref(repository, mirror):
    blob = repository.git("hash-object", "-w", "--stdin", data=b"a file")
    repository.git("tag", "a-file", blob)
    mirror.fetch()

    assert [ref.name for ref in mirror.refs()] == ["main"]


def test_many_fetches_leave_a_mirror_that_is_not_slow(repository, mirror, monkeypatch):
    monkeypatch.setattr("deploy_core.reach.git.mirror.PACKS", 3)
    for number in range(8):
        repository.commit(f"Commit {number}", file=f"{number}\n")
        mirror.fetch()

    assert len(list(mirror.path.glob("objects/pack/*.pack"))) <= 4
    assert len(mirror.commits("main")) == 9


@pytest.mark.parametrize(
    ("url", "reason"),
    [("/etc", "form"), ("--upload-pack=touch canary", "form"), ("https://u:hunter2@host.example/x", "password")],
)
def test_an_address_that_is_not_allowed_is_never_asked(tmp_path, url, reason):
    with pytest.raises(GitError) as caught:
        Mirror(tmp_path / "mirror.git", url).fetch()

    assert (caught.value.code, caught.value.params["reason"]) == ("git_url_not_allowed", reason)
    assert "hunter2" not in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_a_file_address_needs_its_setting(repository, tmp_path, settings):
    settings.SHIPROOM_GIT_FILE_URLS = False

    assert not is_allowed_url(repository.url)
    with pytest.raises(GitError) as caught:
        Mirror(tmp_path / "mirror.git", repository.url).fetch()

    assert caught.value.params["reason"] == "file"


def test_a_repository_that_is_not_there_is_unreachable(tmp_path):
    with pytest.raises(GitError) as caught:
        Mirror(tmp_path / "mirror.git", f"file://{tmp_path}/nothing").fetch()

    assert caught.value.code == "git_unreachable"
    assert "does not appear to be a git repository" in caught.value.params["detail"]


def silent(peer: socket.socket) -> None:
    while peer.recv(4096):
        pass


def on_loopback(mirror: Mirror, port: int, monkeypatch) -> Mirror:
    """An address that the rules refuse, for a server that stands here."""
    monkeypatch.setattr("deploy_core.reach.git.mirror.why_not_allowed", lambda url, with_files: "")
    return Mirror(mirror.path, f"https://127.0.0.1:{port}/shop.git")


def helpers_of(port: int) -> list[str]:
    said = subprocess.run(["ps", "-eo", "stat,args"], capture_output=True, check=True).stdout.decode()
    return [line for line in said.splitlines() if f"127.0.0.1:{port}" in line and not line.startswith("Z")]


def test_a_silent_server_is_given_up_in_time_and_the_mirror_goes_on(mirror, repository, monkeypatch):
    with tcp_server(silent) as port:
        began = time.monotonic()
        with pytest.raises(GitError) as caught:
            on_loopback(mirror, port, monkeypatch).fetch(timeout_s=0.5)

        assert time.monotonic() - began < 15
        assert caught.value.code == "git_timed_out"
        wait_until(lambda: not helpers_of(port), what="what was killed is gone")
    mirror.fetch()


def test_a_redirect_to_somewhere_else_is_not_followed(mirror, monkeypatch):
    """Over plain http, which is refused otherwise: a certificate for this machine nobody would trust."""
    asked = []

    def elsewhere(peer: socket.socket) -> None:
        asked.append(peer.recv(4096))

    def over_http(self, argv, **more):
        return execute(self, [word.replace("https:", "http:", 1) for word in argv], **more)

    execute = git.Git.execute
    monkeypatch.setattr(git.Git, "execute", over_http)
    with tcp_server(elsewhere) as other:
        answer = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{other}/\r\nContent-Length: 0\r\n\r\n".encode()

        def redirect(peer: socket.socket) -> None:
            peer.recv(4096)
            peer.sendall(answer)

        with tcp_server(redirect) as port, pytest.raises(GitError) as caught:
            on_loopback(mirror, port, monkeypatch).fetch(timeout_s=20)

    assert caught.value.code == "git_unreachable"
    assert "302" in caught.value.params["detail"]
    assert asked == []


@pytest.mark.parametrize(
    ("host", "address", "is_refused"),
    [
        ("git.example.com", "127.0.0.1", True),
        ("git.example.com", "169.254.169.254", True),
        ("git.example.com", "::ffff:127.0.0.1", True),
        ("git.example.com", "fe80::1%lo", True),
        ("good.example", "127.0.0.1", False),
        ("good.example.evil.tld", "127.0.0.1", True),
        ("evil.good.example", "127.0.0.1", True),
    ],
)
def test_a_name_that_leads_to_this_machine_is_refused_unless_it_is_an_internal_one(
    tmp_path, settings, monkeypatch, host, address, is_refused
):
    settings.GIT_INTERNAL_HOSTS = ["good.example"]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)

    with pytest.raises(GitError) as caught:
        Mirror(tmp_path / "mirror.git", f"https://{host}/x.git").fetch(timeout_s=0.0)

    assert (caught.value.code == "git_url_not_allowed") is is_refused


def test_a_pack_over_the_limit_is_cut_off_and_leaves_nothing(repository, tmp_path, settings, monkeypatch):
    repository.commit("Large", large=os.urandom(3_000_000).hex())
    settings.GIT_LIMIT_BYTES = 1_000_000
    monkeypatch.setattr("deploy_core.reach.git.program.TURN_S", 0.001)
    mirror = Mirror(tmp_path / "mirror.git", repository.url)

    with pytest.raises(GitError) as caught:
        mirror.fetch()

    assert caught.value.code == "file_too_large"
    settings.GIT_LIMIT_BYTES = 100_000_000
    mirror.fetch()
    assert list((mirror.path / "objects/pack").glob("tmp_*")) == []


def test_submodules_are_left_alone(repository, mirror, tmp_path):
    canary = tmp_path / "canary"
    module = f'[submodule "x"]\n  path = x\n  url = ext::sh -c "touch% {canary}"\n'
    revision = repository.commit("Modules", **{".gitmodules": module})

    mirror.fetch()
    (tmp_path / "out").mkdir()
    mirror.archive(revision, tmp_path / "out")

    assert (tmp_path / "out/.gitmodules").read_text() == module
    assert not canary.exists()


def test_a_fetch_can_be_cancelled(mirror, monkeypatch):
    asked = threading.Event()

    def serve(peer: socket.socket) -> None:
        asked.set()
        silent(peer)

    with tcp_server(serve) as port, pytest.raises(Cancelled):
        on_loopback(mirror, port, monkeypatch).fetch(stop=asked.is_set)


def test_what_a_killed_git_left_does_not_stop_the_next(repository, mirror):
    for name in ("packed-refs.lock", "refs/heads/main.lock", "shallow.lock"):
        (mirror.path / name).write_text("")
    second = repository.commit("Second", file="two\n")

    mirror.fetch()

    assert mirror.resolve("main").id == second


def test_two_fetches_at_once_do_not_disturb_each_other(repository, mirror):
    repository.commit("Second", file="two\n")
    errors: list[BaseException] = []

    def fetch() -> None:
        try:
            Mirror(mirror.path, mirror.url).fetch()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []


WORKER = """
import sys
from pathlib import Path
from deploy_core.reach.git import mirror
mirror.why_not_allowed = lambda url, with_files: ""
mirror.Mirror(Path(sys.argv[1]), sys.argv[2]).fetch()
"""


def test_an_orphan_of_a_killed_worker_keeps_the_mirror_to_itself(mirror, monkeypatch, tmp_path):
    """git inherits the lock, so two of them never write one mirror."""
    monkeypatch.setenv("SHIPROOM_DATA", str(tmp_path / "var"))
    with tcp_server(silent) as port:
        url = f"https://127.0.0.1:{port}/shop.git"
        worker = subprocess.Popen([sys.executable, "-c", WORKER, str(mirror.path), url])
        wait_until(lambda: helpers_of(port), what="git asks the server")
        worker.send_signal(signal.SIGKILL)
        worker.wait()

        with pytest.raises(GitError) as caught:
            mirror.fetch(timeout_s=0.3)

        assert caught.value.code == "git_timed_out"
    # The server is gone, so is the orphan.
    mirror.fetch(timeout_s=30)
