"""Repositories: a bare mirror of each, and what can be asked of it. The only module that knows GitPython.

GitPython starts git and nothing more: every argument list is fixed here, and what a person typed reaches git only
after it became a full commit id. Its `clone_from` is not used (it cannot be ended), nor are its objects (slower).
"""

import contextlib
import difflib
import fcntl
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import git
from django.conf import settings

from deploy_core.errors import Cancelled, GitError
from deploy_core.rules.repository import is_commit_id, is_local, is_ref_name, named_host, why_not_allowed, without_login

from . import tar
from .artifacts import TREE_LIMIT_BYTES, shown
from .connection import last_lines, never

FETCH_S = 120.0
#: For everything that is answered from the mirror.
ASK_S = 60.0
FILE_BYTES = 1024 * 1024
TURN_S = 0.1
#: So many packs make git slow; then they are joined, the small ones first.
PACKS = 30

#: Options of every call: no hook, no helper, no maintenance in the background, no way to another place.
_SAFE = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("credential.helper", ""),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("http.followRedirects", "false"),
    ("protocol.version", "2"),
    # Without it `commits` and the reachability of a commit parse history: 85 ms instead of 30 with 10,000 commits.
    ("fetch.writeCommitGraph", "true"),
    ("fetch.unpackLimit", "1"),
)
#: A tree is exported as it was committed: attributes in it neither drop files nor change them.
_ATTRIBUTES = "* -export-ignore -export-subst -text -ident -filter !eol !working-tree-encoding\n"


@dataclass(frozen=True, slots=True)
class Ref:
    """A branch or a tag, and the commit it stands for."""

    kind: str
    name: str
    revision: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Commit:
    revision: str
    subject: str
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Revision:
    """What a ref meant when it was resolved; `kind` is `branch`, `tag` or `commit`."""

    id: str
    ref: str
    kind: str
    subject: str
    author: str
    at: datetime


def is_allowed_url(url: str) -> bool:
    """Whether a repository may be fetched from `url` here (`rules.repository.why_not_allowed` says why not)."""
    return not why_not_allowed(url, with_files=settings.SHIPROOM_GIT_FILE_URLS)


class Mirror:
    """The heads and tags of one repository, bare, in `path`. Made by the first `fetch`."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.url = url

    # --- from the world -----------------------------------------------------------------------------------------------

    def fetch(self, timeout_s: float = FETCH_S, *, stop: Callable[[], bool] = never) -> None:
        """Bring heads and tags up to date; what was removed there is removed here.

        Raises:
            GitError: `git_url_not_allowed` (with its `reason`), `git_unreachable`, `git_timed_out`, `file_too_large`
                (the mirror would be).
            Cancelled: `stop` said so.
        """
        if reason := why_not_allowed(self.url, with_files=settings.SHIPROOM_GIT_FILE_URLS):
            raise GitError("git_url_not_allowed", repository=without_login(self.url), reason=reason)
        self._look_up()
        end = time.monotonic() + timeout_s
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._alone(end, stop) as lock:
            if not (self.path / "HEAD").exists():
                self._init(end)
            self._remove_stale_locks()
            refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
            flags = ("--prune", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--quiet")
            words = ("fetch", *flags, "--end-of-options", self.url, *refs)
            self._ask(*words, end=end, stop=lambda: self._grows_too_large() or stop(), keep_open=lock)
            self._grows_too_large()
            if len(list((self.path / "objects/pack").glob("*.pack"))) > PACKS:
                self._ask("repack", "-d", "-q", "--geometric=2", end=time.monotonic() + ASK_S, keep_open=lock)

    # --- from the mirror ----------------------------------------------------------------------------------------------

    def refs(self) -> list[Ref]:
        """Branches and tags by name, from one question."""
        parts = ("refname", "objecttype", "objectname", "*objecttype", "*objectname", "creatordate:unix")
        form = "%00".join(f"%({part})" for part in parts)
        found = []
        for line in self._ask("for-each-ref", f"--format={form}", "refs/heads", "refs/tags").splitlines():
            name, kind, revision, peeled_kind, peeled, at = line.decode("utf-8", "surrogateescape").split("\0")
            if "commit" not in (kind, peeled_kind):
                continue  # a tag of a file or a tree
            _, family, short = name.split("/", 2)
            found.append(Ref("branch" if family == "heads" else "tag", short, peeled or revision, _time(at)))
        return found

    def holds(self, revision: str) -> bool:
        """Whether a commit was fetched: another worker's mirror may know it, and this one not yet."""
        return (self.path / "HEAD").exists() and self._has(revision)

    def branches(self) -> list[Ref]:
        return [ref for ref in self.refs() if ref.kind == "branch"]

    def tags(self) -> list[Ref]:
        return [ref for ref in self.refs() if ref.kind == "tag"]

    def commits(self, branch: str, limit: int = 50) -> list[Commit]:
        """The newest commits of a branch.

        Raises:
            GitError: `ref_not_found`.
        """
        for ref in self.branches():
            if ref.name == branch:
                return self._log(f"--max-count={limit}", ref.revision)
        raise self._not_found(branch, [ref.name for ref in self.branches()])

    def between(self, old: str, new: str, limit: int = 50) -> list[Commit]:
        """The commits that `new` has and `old` has not, the newest first; both are full ids (`old` may be unknown)."""
        if old == new or not self._has(old):
            return []
        return self._log(f"--max-count={limit}", _full(new), "^" + _full(old))

    def resolve(self, ref: str) -> Revision:
        """The one commit that `ref` means now: a branch, a tag, or a commit (≥ 7 digits) that a branch contains.

        Raises:
            GitError: `bad_ref`, `ref_not_found` (with `near` names), `ambiguous_ref` (with both commits).
        """
        if not is_ref_name(ref):
            raise GitError("bad_ref", ref=ref[:80])
        refs = self.refs()
        named = [known for known in refs if known.name == ref]
        if len(named) > 1:
            raise GitError("ambiguous_ref", ref=ref, **{known.kind: known.revision for known in named})
        if named:
            kind, revision = named[0].kind, named[0].revision
        else:
            kind, revision = "commit", self._contained(ref)
            if not revision:
                raise self._not_found(ref, [known.name for known in refs])
        commit = self._log("--max-count=1", revision)[0]
        return Revision(revision, ref, kind, commit.subject, commit.author, commit.at)

    def read_file(self, revision: str, name: str, *, limit_bytes: int = FILE_BYTES) -> bytes | None:
        """The content of one file at the top of a revision; `None` if there is no such regular file.

        Raises:
            GitError: `file_too_large`.
        """
        for record in self._ask("ls-tree", "-z", "-l", _full(revision)).split(b"\0"):
            about, _, path = record.partition(b"\t")
            if path != name.encode():
                continue
            mode, kind, blob, size = about.split()
            if kind != b"blob" or mode == b"120000":
                return None
            if int(size) > limit_bytes:
                raise GitError("file_too_large", path=name, limit_bytes=limit_bytes)
            return self._ask("cat-file", "blob", blob.decode())
        return None

    def archive(
        self, revision: str, to: Path, *, limit_bytes: int = TREE_LIMIT_BYTES, timeout_s: float = ASK_S
    ) -> None:
        """Export the tree of a revision into the empty folder `to`, exactly as committed, names byte for byte.

        Raises:
            GitError: `link_leaves_tree`, `path_leaves_tree`, `git_entry`, `too_large` (each with the `path`).
        """
        process = self._start("archive", "--format=tar", _full(revision))
        timer = threading.Timer(timeout_s, _end, (process,))
        timer.start()
        try:
            if process.stdout:
                tar.unpack(process.stdout, to, limit_bytes=limit_bytes)
            _, complaint = process.communicate()
            if process.returncode:
                raise self._failed("archive", complaint)
        except tar.Refused as error:
            if error.code == "archive_damaged":
                raise self._failed("archive", b"the archive was cut short or is damaged") from error
            raise GitError(error.code, path=shown(error.path), limit_bytes=limit_bytes) from error
        except OSError as error:  # a name too long for this file system, or a full disk
            raise self._failed("archive", (error.strerror or str(error)).encode()) from error
        finally:
            timer.cancel()
            _end(process)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _init(self, end: float) -> None:
        self._ask("init", "--bare", "--quiet", "--template=", str(self.path), end=end, is_inside=False)
        (self.path / "info").mkdir(exist_ok=True)
        (self.path / "info" / "attributes").write_text(_ATTRIBUTES)

    @contextlib.contextmanager
    def _alone(self, end: float, stop: Callable[[], bool]) -> Iterator[int]:
        """One fetch at a time, over processes; git inherits the lock, so an orphan of a killed process holds it too."""
        lock = os.open(self.path.with_name(self.path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    self._check(end, stop)
                    time.sleep(TURN_S / 2)
            yield lock
        finally:
            os.close(lock)

    def _look_up(self) -> None:
        """A name may lead to this machine, or to what only its network answers; only some are meant to."""
        host = named_host(self.url)
        if not host or host in settings.GIT_INTERNAL_HOSTS:
            return
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:
            return  # git will say so
        if any(is_local(str(address[0])) for *_, address in found):
            raise GitError("git_url_not_allowed", repository=without_login(self.url), reason="host")

    def _grows_too_large(self) -> bool:
        """Never true: it raises when what arrives makes the mirror too large."""
        total = 0
        for path in (self.path / "objects/pack").glob("*"):
            with contextlib.suppress(FileNotFoundError):  # git renames what is complete
                total += path.stat().st_size
        if total > settings.GIT_LIMIT_BYTES:
            raise GitError("file_too_large", path=without_login(self.url), limit_bytes=settings.GIT_LIMIT_BYTES)
        return False

    def _remove_stale_locks(self) -> None:
        """A git that was killed leaves its lock files, and what had arrived.

        We hold the lock that says nobody else is at work here.
        """
        places = (
            self.path.glob("*.lock"),
            (self.path / "refs").rglob("*.lock"),
            (self.path / "objects/info").rglob("*.lock"),
            (self.path / "objects/pack").glob("tmp_*"),
        )
        for place in places:
            for left in place:
                left.unlink(missing_ok=True)

    def _has(self, revision: str) -> bool:
        try:
            self._ask("cat-file", "-e", _full(revision) + "^{commit}")
        except GitError:
            return False
        return True

    def _contained(self, digits: str) -> str:
        """The full id of a commit that some branch contains, or empty."""
        if not is_commit_id(digits):
            return ""
        try:
            full = (
                self._ask("rev-parse", "--verify", "--quiet", "--end-of-options", digits + "^{commit}").decode().strip()
            )
            return full if self._ask("for-each-ref", "--count=1", f"--contains={full}", "refs/heads") else ""
        except GitError:
            return ""

    def _log(self, *what: str) -> list[Commit]:
        form = "--format=tformat:%H%x00%an%x00%ct%x00%s"
        words = self._ask("log", "-z", "--no-color", form, *what, "--").decode("utf-8", "replace").split("\0")
        found = zip(words[0::4], words[1::4], words[2::4], words[3::4], strict=False)
        return [Commit(revision, subject, author, _time(at)) for revision, author, at, subject in found]

    def _ask(
        self,
        *argv: str,
        end: float | None = None,
        stop: Callable[[], bool] = never,
        keep_open: int | None = None,
        is_inside: bool = True,
    ) -> bytes:
        """What git prints."""
        end = end or time.monotonic() + ASK_S
        process = self._start(*argv, keep_open=keep_open, is_inside=is_inside)
        try:
            while True:
                try:
                    out, complaint = process.communicate(timeout=TURN_S)
                    break
                except subprocess.TimeoutExpired:
                    self._check(end, stop)
        finally:
            _end(process)
        if process.returncode:
            raise self._failed(argv[0], complaint)
        return out

    def _start(self, *argv: str, keep_open: int | None = None, is_inside: bool = True) -> "subprocess.Popen[bytes]":
        """git in a session of its own (its helpers end with it), with nothing of our environment but what is here."""
        allowed = "https:ssh:file" if settings.SHIPROOM_GIT_FILE_URLS else "https:ssh"
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.environ.get("HOME", "/nonexistent"),
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "GIT_ALLOW_PROTOCOL": allowed,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=15",
        }
        environment |= {name: os.environ[name] for name in ("SSH_AUTH_SOCK",) if name in os.environ}
        where = ("--git-dir=" + str(self.path),) if is_inside else ()
        safe = tuple(word for name, value in _SAFE for word in ("-c", f"{name}={value}"))
        words = tuple(f"{name}={value}" for name, value in environment.items())
        started = git.Git().execute(
            ["env", "-i", *words, "git", *where, *safe, *argv],
            as_process=True,
            start_new_session=True,
            pass_fds=(keep_open,) if keep_open is not None else (),
        )
        process = started.proc
        started.proc = None  # or it would kill git as soon as nobody holds it
        if process is None:
            raise GitError("git_failed", repository=without_login(self.url), detail="git did not start")
        return process

    def _check(self, end: float, stop: Callable[[], bool]) -> None:
        if time.monotonic() > end:
            raise GitError("git_timed_out", repository=without_login(self.url))
        if stop():
            raise Cancelled(command="fetch")

    def _failed(self, verb: str, complaint: bytes) -> GitError:
        # git refuses some trees itself, before we see them.
        if found := re.search(rb"invalid path '(.*)'", complaint):
            return GitError("git_entry", path=shown(found[1]))
        said = without_login(last_lines(complaint.decode("utf-8", "replace"), 5, 500))
        code = "git_unreachable" if verb == "fetch" else "git_failed"
        return GitError(code, repository=without_login(self.url), detail=said)

    def _not_found(self, ref: str, names: list[str]) -> GitError:
        return GitError("ref_not_found", ref=ref, near=difflib.get_close_matches(ref, names, n=3, cutoff=0.5))


def _full(revision: str) -> str:
    """`revision`, which must be a full commit id: nothing else of ours reaches git as one."""
    if len(revision) != 40 or not is_commit_id(revision):
        raise ValueError(f"not a full commit id: {revision!r}")
    return revision


def _time(seconds: str) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill git and its helpers, if they still run, and collect them."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()
