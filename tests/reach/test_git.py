"""Mirrors of real repositories: what is fetched, what a ref means, what is exported; and what git never gets to do."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import git
import pytest
from django.test import override_settings

from deploy_core.errors import Cancelled, GitError
from deploy_core.reach.git import Mirror, is_allowed_url
from tests.reach.wires import tcp_server
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def _files_are_allowed(settings):
    settings.SHIPROOM_GIT_FILE_URLS = True


class Repository:
    """A repository with a work tree, driven by git itself."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            self.git("init", "-q", "-b", "main", str(path), inside=False)

    @property
    def url(self) -> str:
        return f"file://{self.path}"

    def git(self, *argv: str, inside: bool = True, data: bytes | None = None) -> str:
        where = ["-C", str(self.path)] if inside else []
        own = ["-c", "user.name=Ada Example", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"]
        environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", *where, *own, *argv], check=True, capture_output=True, env=environment, input=data
        )
        return done.stdout.decode().strip()

    def commit(self, subject: str = "Change", **files: str) -> str:
        for name, content in files.items():
            (self.path / name).write_text(content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def commit_tree(self, *entries: tuple[str, bytes, bytes]) -> str:
        """A commit on `main` with a tree no work tree could make: `(mode, name, content)`."""
        lines = b""
        for mode, name, content in entries:
            blob = self.git("hash-object", "-w", "--stdin", data=content) if mode != "040000" else content.decode()
            kind = b"tree" if mode == "040000" else b"blob"
            lines += mode.encode() + b" " + kind + b" " + blob.encode() + b"\t" + name + b"\0"
        tree = self.git("mktree", "-z", data=lines)
        commit = self.git("commit-tree", tree, "-m", "Odd tree")
        self.git("update-ref", "refs/heads/main", commit)
        return commit

    def tree(self, *entries: tuple[str, bytes, bytes]) -> bytes:
        self.commit_tree(*entries)
        return self.git("rev-parse", "main^{tree}").encode()


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """A repository of one commit, and its mirror: copied, because making them is most of a test's time."""
    top = tmp_path_factory.mktemp("template")
    made = Repository(top / "origin")
    made.commit("First", file="one\n")
    with override_settings(SHIPROOM_GIT_FILE_URLS=True):
        Mirror(top / "mirrors/shop.git", made.url).fetch()
    return top


@pytest.fixture
def repository(template, tmp_path) -> Repository:
    shutil.copytree(template / "origin", tmp_path / "origin")
    return Repository(tmp_path / "origin")


@pytest.fixture
def mirror(template, repository, tmp_path) -> Mirror:
    shutil.copytree(template / "mirrors", tmp_path / "mirrors")
    return Mirror(tmp_path / "mirrors/shop.git", repository.url)


# --- fetching ---------------------------------------------------------------------------------------------------------


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

    assert [(ref.name, ref.revision) for ref in mirror.branches()] == [("main", first)]
    assert mirror.tags() == []


def test_refs_of_other_kinds_are_not_fetched(repository, mirror):
    repository.git("update-ref", "refs/pull/1/head", "HEAD")
    mirror.fetch()

    assert [ref.name for ref in mirror.refs()] == ["main"]


def test_a_tag_of_a_file_is_not_a_ref(repository, mirror):
    blob = repository.git("hash-object", "-w", "--stdin", data=b"a file")
    repository.git("tag", "a-file", blob)
    mirror.fetch()

    assert mirror.tags() == []


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
        assert helpers_of(port) == []
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


# --- what a ref means -------------------------------------------------------------------------------------------------


def test_a_branch_a_tag_and_a_commit_are_resolved_once(repository, mirror):
    first = repository.git("rev-parse", "HEAD")
    repository.git("tag", "v1")
    second = repository.commit("Second — ünïcode", file="two\n")
    mirror.fetch()

    for ref, kind, revision in (
        ("main", "branch", second),
        ("v1", "tag", first),
        (first, "commit", first),
        (first[:7], "commit", first),
    ):
        found = mirror.resolve(ref)
        assert (found.kind, found.id, found.ref) == (kind, revision, ref)
    assert (mirror.resolve("main").subject, mirror.resolve("main").author) == ("Second — ünïcode", "Ada Example")


def test_a_name_that_is_both_is_ambiguous_and_shows_both(repository, mirror):
    first = repository.git("rev-parse", "HEAD")
    repository.git("tag", "v1")
    repository.git("branch", "v1")
    repository.git("checkout", "-q", "refs/heads/v1")
    mirror.fetch()

    with pytest.raises(GitError) as caught:
        mirror.resolve("v1")

    assert caught.value.code == "ambiguous_ref"
    assert caught.value.params == {"ref": "v1", "branch": first, "tag": first}


def test_a_name_nobody_has_comes_with_near_ones(repository, mirror):
    repository.git("branch", "release-2")
    mirror.fetch()

    with pytest.raises(GitError) as caught:
        mirror.resolve("relaese-2")

    assert caught.value.code == "ref_not_found"
    assert caught.value.params["near"] == ["release-2"]


@pytest.mark.parametrize("ref", ["--all", "HEAD~1", "main:file", "refs/heads/main", "@{u}", "", "a b"])
def test_what_is_no_ref_never_reaches_git(mirror, ref):
    with pytest.raises(GitError) as caught:
        mirror.resolve(ref)

    assert caught.value.code == "bad_ref"


def test_a_commit_that_no_branch_contains_is_not_found(repository, mirror):
    gone = repository.commit("To be thrown away", file="x\n")
    mirror.fetch()
    repository.git("reset", "-q", "--hard", "HEAD~1")
    mirror.fetch()

    for ref in (gone, gone[:9], "0" * 40, "HEAD"):
        with pytest.raises(GitError) as caught:
            mirror.resolve(ref)
        assert caught.value.code == "ref_not_found"


def test_commits_are_listed_newest_first_and_bounded(repository, mirror):
    ids = [repository.commit(f"Commit {number}") for number in range(5)]
    mirror.fetch()

    found = mirror.commits("main", 3)

    assert [commit.subject for commit in found] == ["Commit 4", "Commit 3", "Commit 2"]
    assert [commit.revision for commit in found] == ids[:1:-1]
    assert found[0].at.tzinfo is not None
    with pytest.raises(GitError):
        mirror.commits("nope")


def test_commits_between_two_revisions(repository, mirror):
    first = repository.git("rev-parse", "HEAD")
    last = [repository.commit(f"Commit {number}") for number in range(3)][-1]
    mirror.fetch()

    assert [commit.subject for commit in mirror.between(first, last)] == ["Commit 2", "Commit 1", "Commit 0"]
    assert mirror.between(last, last) == []
    assert mirror.between("0" * 40, last) == []


@pytest.mark.parametrize("hostile", ['a"; import os; os.system("touch canary")', "line\x00nul", "%H%x00", "a\tb"])
def test_a_subject_is_text_and_nothing_else(repository, mirror, hostile):
    repository.git("commit", "-q", "--allow-empty", "-F", "-", data=hostile.replace("\x00", "").encode())
    mirror.fetch()

    assert mirror.commits("main", 1)[0].subject == hostile.replace("\x00", "")


def test_only_full_ids_are_revisions(mirror):
    for revision in ("main", "HEAD", "--output=canary", "a" * 39):
        with pytest.raises(ValueError, match="not a full commit id"):
            mirror.read_file(revision, "deploy.yml")


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_file_is_read_at_its_revision(repository, mirror):
    first = repository.commit("With", **{"deploy.yml": "keep: 3\n"})
    second = repository.commit("Changed", **{"deploy.yml": "keep: 4\n"})
    mirror.fetch()

    assert mirror.read_file(first, "deploy.yml") == b"keep: 3\n"
    assert mirror.read_file(second, "deploy.yml") == b"keep: 4\n"
    assert mirror.read_file(second, "nothing.yml") is None
    with pytest.raises(GitError) as caught:
        mirror.read_file(second, "deploy.yml", limit_bytes=3)
    assert caught.value.code == "file_too_large"


def test_a_link_or_a_folder_is_no_file(repository, mirror):
    (repository.path / "deploy.yml").symlink_to("/etc/passwd")
    (repository.path / "folder").mkdir()
    revision = repository.commit("Odd", **{"folder/x": "x"})
    mirror.fetch()

    assert mirror.read_file(revision, "deploy.yml") is None
    assert mirror.read_file(revision, "folder") is None


def test_a_tree_is_exported_with_names_byte_for_byte(repository, mirror, tmp_path):
    names = [b"new\nline", b"bad\xff\xfe", b"-rf", b"$(touch canary)", b"n" * 200, b" lead"]
    revision = repository.commit_tree(
        *(("100644", name, b"content of " + name) for name in names),
        ("100755", b"run", b"#!/bin/sh\n"),
        ("120000", b"link", b"run"),
    )
    mirror.fetch()
    (tmp_path / "out").mkdir()

    mirror.archive(revision, tmp_path / "out")

    top = os.fsencode(tmp_path / "out")
    assert sorted(os.listdir(top)) == sorted([*names, b"run", b"link"])
    for name in names:
        with open(top + b"/" + name, "rb") as file:
            assert file.read() == b"content of " + name
    assert os.stat(top + b"/run").st_mode & 0o777 == 0o755
    assert os.readlink(top + b"/link") == b"run"
    assert not (tmp_path / "canary").exists()


def test_attributes_in_a_repository_neither_drop_nor_change_files(repository, mirror, tmp_path):
    attributes = "*.txt filter=evil text eol=crlf\nsecret export-ignore\nstamp export-subst\nid ident\n"
    revision = repository.commit_tree(
        ("100644", b".gitattributes", attributes.encode()),
        ("100644", b"a.txt", b"line\n"),
        ("100644", b"id", b"$Id$\n"),
        ("100644", b"secret", b"kept\n"),
        ("100644", b"stamp", b"$Format:%H$\n"),
    )
    mirror.fetch()
    (tmp_path / "out").mkdir()

    mirror.archive(revision, tmp_path / "out")

    read = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert read == {
        ".gitattributes": attributes.encode(),
        "a.txt": b"line\n",
        "id": b"$Id$\n",
        "secret": b"kept\n",
        "stamp": b"$Format:%H$\n",
    }


@pytest.mark.parametrize(
    ("entry", "code", "path"),
    [
        (("120000", b"passwd", b"/etc/passwd"), "link_leaves_tree", "passwd"),
        (("120000", b"up\n", b"../../x"), "link_leaves_tree", r"up\n"),
        (("100644", b".git", b"gitdir: /tmp"), "git_entry", ".git"),
        (("100644", b".GIT", b"x"), "git_entry", ".GIT"),
    ],
)
def test_what_leaves_the_tree_is_not_exported(repository, mirror, tmp_path, entry, code, path):
    revision = repository.commit_tree(("100644", b"good", b"x"), entry)
    mirror.fetch()
    (tmp_path / "out").mkdir()

    with pytest.raises(GitError) as caught:
        mirror.archive(revision, tmp_path / "out")

    assert (caught.value.code, caught.value.params["path"]) == (code, path)


def test_hooks_in_a_folder_called_git_are_not_exported(repository, mirror, tmp_path):
    inner = repository.tree(("100755", b"post-checkout", b"#!/bin/sh\ntouch canary\n"))
    hooks = repository.tree(("040000", b"hooks", inner))
    revision = repository.commit_tree(("040000", b".git", hooks))
    mirror.fetch()
    (tmp_path / "out").mkdir()

    with pytest.raises(GitError) as caught:
        mirror.archive(revision, tmp_path / "out")

    assert caught.value.code == "git_entry"


def test_a_tree_over_the_limit_is_not_exported(repository, mirror, tmp_path):
    revision = repository.commit("Large", large="x" * 100_000)
    mirror.fetch()
    (tmp_path / "out").mkdir()

    with pytest.raises(GitError) as caught:
        mirror.archive(revision, tmp_path / "out", limit_bytes=50_000)

    assert (caught.value.code, caught.value.params["path"]) == ("too_large", "large")


# --- what git never gets to do ----------------------------------------------------------------------------------------


def test_what_our_environment_says_to_git_is_not_heard(repository, mirror, tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[core]\n\tfsmonitor = touch canary\n[log]\n\tshowSignature = true\n")
    for name, value in {
        "HOME": str(home),
        "GIT_DIR": "/nowhere",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.pager",
        "GIT_CONFIG_VALUE_0": "touch canary",
        "GIT_TRACE": str(tmp_path / "canary"),
        "GIT_EXTERNAL_DIFF": "touch canary",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    mirror.fetch()

    assert mirror.resolve("main").subject == "First"
    assert not (tmp_path / "canary").exists()


def test_hooks_of_a_mirror_do_not_run(repository, mirror, tmp_path):
    hooks = mirror.path / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("reference-transaction", "post-update", "pre-auto-gc"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\n")
        (hooks / name).chmod(0o755)
    repository.commit("Second", file="two\n")

    mirror.fetch()

    assert not (tmp_path / "canary").exists()


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
