"""A bare mirror of one repository."""

import contextlib
import difflib
import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from deploy_core.errors import GitError
from deploy_core.reach import tar
from deploy_core.reach.artifacts import TREE_LIMIT_BYTES, shown
from deploy_core.reach.connection import never
from deploy_core.rules.repository import is_commit_id, is_local, is_ref_name, named_host, why_not_allowed, without_login

from .program import ASK_S, TURN_S, Program
from .values import Commit, Ref, Revision

FETCH_S = 120.0
FILE_BYTES = 1024 * 1024
#: So many packs make git slow; then they are joined, the small ones first.
PACKS = 30

#: A tree is exported as it was committed: attributes in it neither drop files nor change them.
_ATTRIBUTES = "* -export-ignore -export-subst -text -ident -filter !eol !working-tree-encoding\n"

#: The last day of all, as a time zone that is ahead would be past it.
_LATEST = datetime(9999, 12, 30, tzinfo=UTC)


def is_allowed_url(url: str) -> bool:
    """Whether a repository may be fetched from `url` here (`rules.repository.why_not_allowed` says why not)."""
    return not why_not_allowed(url, with_files=settings.SHIPROOM_GIT_FILE_URLS)


class Mirror:
    """The heads and tags of one repository, bare, in `path`. Made by the first `fetch`."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.url = url
        self._git = Program(path, url)

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
            self._git.ask(*words, end=end, stop=lambda: self._grows_too_large() or stop(), keep_open=lock)
            self._grows_too_large()
            if len(list((self.path / "objects/pack").glob("*.pack"))) > PACKS:
                self._git.ask("repack", "-d", "-q", "--geometric=2", end=time.monotonic() + ASK_S, keep_open=lock)

    # --- from the mirror ----------------------------------------------------------------------------------------------

    def refs(self) -> list[Ref]:
        """Branches and tags by name, from one question."""
        parts = ("refname", "objecttype", "objectname", "*objecttype", "*objectname", "creatordate:unix")
        form = "%00".join(f"%({part})" for part in parts)
        found = []
        for line in self._git.ask("for-each-ref", f"--format={form}", "refs/heads", "refs/tags").splitlines():
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
        """The one commit that `ref` means now: a branch, a tag, or a commit (≥ 7 digits) that one contains.

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
        for record in self._git.ask("ls-tree", "-z", "-l", _full(revision)).split(b"\0"):
            about, _, path = record.partition(b"\t")
            if path != name.encode():
                continue
            mode, kind, blob, size = about.split()
            if kind != b"blob" or mode == b"120000":
                return None
            if int(size) > limit_bytes:
                raise GitError("file_too_large", path=name, limit_bytes=limit_bytes)
            return self._git.ask("cat-file", "blob", blob.decode())
        return None

    def archive(
        self,
        revision: str,
        to: Path,
        *,
        limit_bytes: int = TREE_LIMIT_BYTES,
        timeout_s: float = FETCH_S,
        stop: Callable[[], bool] = never,
    ) -> None:
        """Export the tree of a revision into the empty folder `to`, exactly as committed, names byte for byte.

        Raises:
            GitError: `link_leaves_tree`, `path_leaves_tree`, `git_entry`, `too_large` (each with the `path`);
                `git_timed_out`.
            Cancelled: `stop` said so.
        """
        process = self._git.start("archive", "--format=tar", _full(revision))
        with self._git.within(process, time.monotonic() + timeout_s, stop):
            try:
                if process.stdout:
                    tar.unpack(process.stdout, to, limit_bytes=limit_bytes)
                _, complaint = process.communicate()
                if process.returncode:
                    raise self._git.failed("archive", complaint)
            except tar.Refused as error:
                if error.code == "archive_damaged":
                    raise self._git.failed("archive", b"the archive was cut short or is damaged") from error
                raise GitError(error.code, path=shown(error.path), limit_bytes=limit_bytes) from error
            except OSError as error:  # a name too long for this file system, or a full disk
                raise self._git.failed("archive", (error.strerror or str(error)).encode()) from error

    # --- inside -------------------------------------------------------------------------------------------------------

    def _init(self, end: float) -> None:
        self._git.ask("init", "--bare", "--quiet", "--template=", str(self.path), end=end, is_inside=False)
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
                    self._git.check(end, stop)
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
            self._git.ask("cat-file", "-e", _full(revision) + "^{commit}")
        except GitError:
            return False
        return True

    def _contained(self, digits: str) -> str:
        """The full id of a commit that some branch or tag contains, or empty."""
        if not is_commit_id(digits):
            return ""
        try:
            full = (
                self._git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", digits + "^{commit}")
                .decode()
                .strip()
            )
            known = ("refs/heads", "refs/tags")
            return full if self._git.ask("for-each-ref", "--count=1", f"--contains={full}", *known) else ""
        except GitError:
            return ""

    def _log(self, *what: str) -> list[Commit]:
        form = "--format=tformat:%H%x00%an%x00%ct%x00%s"
        words = self._git.ask("log", "-z", "--no-color", form, *what, "--").decode("utf-8", "replace").split("\0")
        found = zip(words[0::4], words[1::4], words[2::4], words[3::4], strict=False)
        return [Commit(revision, subject, author, _time(at)) for revision, author, at, subject in found]

    def _not_found(self, ref: str, names: list[str]) -> GitError:
        return GitError("ref_not_found", ref=ref, near=difflib.get_close_matches(ref, names, n=3, cutoff=0.5))


def _full(revision: str) -> str:
    """`revision`, which must be a full commit id: nothing else of ours reaches git as one."""
    if len(revision) != 40 or not is_commit_id(revision):
        raise ValueError(f"not a full commit id: {revision!r}")
    return revision


def _time(seconds: str) -> datetime:
    """When git says that something was made. It takes any number as a date, and a tag without one: the nearest that a
    row and every time zone can hold."""
    try:
        return min(datetime.fromtimestamp(int(seconds or 0), UTC), _LATEST)
    except (ValueError, OverflowError, OSError):
        return _LATEST
