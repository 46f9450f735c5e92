"""A release on one server: staged whole and verified, switched in one rename, looked at, pruned.

Each function is one exec on a connection that is there already.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from deploy_core.errors import CommandFailed, ReachError
from deploy_core.rules import layout, remote, shell
from deploy_core.rules.manifest import sums
from deploy_core.rules.remote import Fence, Once

from . import artifacts, deltas, packs
from .artifacts import Artifact, Damaged
from .connection import COMMAND_S, Connection, OnLine, Result, is_disk_full, never, nobody
from .deltas import Base
from .packs import Packed

#: `(bytes sent, bytes in all)`.
OnProgress = Callable[[int, int], None]

STAGE_S = 600.0
_PIECE = 256 * 1024
_HOW = ("zstd", "gzip")
_SUMMED = ("b2sum", "sha256sum")


@dataclass(frozen=True)
class ReleaseSpec:
    """What is to lie where: `path` is the environment's folder on the server, `name` the release's below it.

    `bases`: complete releases there from which it may be made, the preferred one first. `stands_alone`: it shares no
    file with them.
    """

    path: str
    name: str
    artifact: Artifact
    fence: Fence
    shared_files: Sequence[str] = ()
    shared_folders: Sequence[str] = ()
    bases: Sequence[Base] = ()
    stands_alone: bool = False


@dataclass(frozen=True)
class Staged:
    """How a release came to lie on a server.

    `base` is what it was made of (empty: of nothing, all of it was sent), `is_used_up` whether that is gone for it;
    `remarks` are `(release, missing | current | touched | stale)`: what could not be used, and why.
    """

    base: str = ""
    is_used_up: bool = False
    sent_files: int = 0
    sent_bytes: int = 0
    was_there: bool = False
    remarks: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Installed:
    """What lies on a server: `current` (empty: none), and manifest ids by release name, the newest first."""

    current: str
    releases: Mapping[str, str]


def _no_progress(sent: int, total: int) -> None:
    """For who does not watch."""


def stage(
    connection: Connection,
    release: ReleaseSpec,
    *,
    on_line: OnLine = nobody,
    on_progress: OnProgress = _no_progress,
    timeout_s: float = STAGE_S,
    stop: Callable[[], bool] = never,
) -> Staged:
    """Lay a release out below `releases/`, verified on the server; `current` stays as it is.

    One that is there already, complete and of the same content, is left as it is. Only what a base lacks is sent; all
    of it where no base will do. Whatever goes wrong, the folder it came into is removed by the script itself, or by
    the next one; a spare base may be gone then.

    Raises:
        CommandFailed: `disk_full`, `verify_failed` (the content on the server is not the manifest's),
            `shared_behind_link` (in its `tail`, which), or another exit.
        ReachError: `taken_over`; and whatever `Connection.run` raises.
    """

    def attempt(bases: Sequence[Base]) -> tuple[Result, _Sender]:
        sender = _Sender(release.artifact, bases, on_progress)

        def hear(stream: str, text: str) -> None:
            if stream == "o":
                sender.hear(text)
            else:
                on_line(stream, text)

        script = layout.stage(
            release.path,
            release.name,
            release.artifact.manifest.id,
            release.artifact.manifest.kinds_sum,
            release.fence,
            release.shared_files,
            release.shared_folders,
            [layout.BaseRelease(base.name, base.delta.base.id, base.is_spare) for base in bases],
            stands_alone=release.stands_alone,
        )
        try:
            result = connection.run(script, name="stage", stdin=sender, on_line=hear, timeout_s=timeout_s, stop=stop)
        except Damaged as error:
            artifacts.drop_damaged(release.artifact)  # whoever wants it next makes it anew
            raise CommandFailed(
                "verify_failed",
                server=connection.server.name,
                command="stage",
                exit_status=remote.WRONG_CONTENT,
                tail=f"./{error}: FAILED",
            ) from error
        return result, sender

    result, sender = attempt(release.bases)
    if result.exit_status == remote.WRONG_CONTENT:
        packs.drop_spoiled(release.artifact)
    remarks, sent_bytes = sender.remarks, sender.sent_bytes
    is_stale = result.exit_status in (remote.STALE_BASE, remote.WRONG_CONTENT) and sender.base is not None
    if is_stale and sender.base and not is_disk_full(result.err_tail):
        remarks = (*remarks, (sender.base.name, "stale"))
        result, sender = attempt(())
        sent_bytes += sender.sent_bytes
    _check(result, "stage")
    base = sender.base
    return Staged(
        base=base.name if base else "",
        is_used_up=sender.is_used_up,
        sent_files=sender.files,
        sent_bytes=sent_bytes,
        was_there=sender.has_nothing_to_do,
        remarks=remarks,
    )


def claim(connection: Connection, path: str, fence: Fence, *, timeout_s: float = COMMAND_S) -> None:
    """Become the one who may act on `path` (`stage` does it itself); ends what an older owner left running.

    Raises:
        ReachError: `taken_over`: the same deployment has a newer owner.
    """
    _check(connection.run(remote.claim(path, fence), name="claim", timeout_s=timeout_s), "claim")


def switch(connection: Connection, path: str, name: str, fence: Fence, *, timeout_s: float = COMMAND_S) -> str:
    """Make a complete release current; the name of the one before, empty if there was none.

    Raises:
        CommandFailed: `release_missing` (not there, or not complete) or `current_is_no_link`.
        ReachError: `taken_over`.
        ConnectionLost: it may or may not have happened: `look` before deciding.
    """
    result = _check(connection.run(remote.switch(path, name, fence), name="switch", timeout_s=timeout_s), "switch")
    return next((line[4:] for line in result.out_tail.splitlines() if line.startswith("was ")), "")


def look(connection: Connection, path: str, *, timeout_s: float = COMMAND_S) -> Installed:
    """What is there now."""
    result = _check(connection.run(remote.look(path), name="look", timeout_s=timeout_s), "look")
    current, releases = "", {}
    for line in result.out_tail.splitlines():
        match line.split():
            case ["current", name]:
                current = name
            case ["release", name, manifest_id]:
                releases[name] = manifest_id
    return Installed(current, releases)


def current(connection: Connection, path: str) -> str:
    """The name of the current release; empty if there is none."""
    return look(connection, path).current


def prune(
    connection: Connection,
    path: str,
    keep: int,
    fence: Fence,
    *,
    protect: Sequence[str] = (),
    timeout_s: float = COMMAND_S,
) -> list[str]:
    """Keep the `keep` newest releases, the current one and `protect`; the names of all that are left."""
    result = _check(
        connection.run(remote.prune(path, keep, protect, fence), name="prune", timeout_s=timeout_s), "prune"
    )
    return [line[5:] for line in result.out_tail.splitlines() if line.startswith("kept ")]


def run_in(
    connection: Connection,
    path: str,
    folder: str,
    command: str,
    fence: Fence,
    *,
    variables: Mapping[str, str],
    on_line: OnLine = nobody,
    timeout_s: float = COMMAND_S,
    stop: Callable[[], bool] = never,
    once: Once | None = None,
) -> None:
    """Run a command of deploy.yml (restart, hook, task) in `current` or `releases/<name>` of an environment.

    What ran to its end `once` is passed over.

    Raises:
        CommandFailed: with its `exit_status` and `tail`.
        ReachError: `taken_over`; and whatever `Connection.run` raises.
    """
    script = remote.in_folder(path, folder, command, fence, once)
    result = connection.run(
        script, name=shell.summary(command), variables=variables, on_line=on_line, timeout_s=timeout_s, stop=stop
    )
    _check(result, shell.summary(command))


class _Sender:
    """The stdin of `layout.stage`: waits for the script's answer, then gives what the script wants."""

    def __init__(self, artifact: Artifact, bases: Sequence[Base], on_progress: OnProgress) -> None:
        self.remarks: tuple[tuple[str, str], ...] = ()
        self.base: Base | None = None
        self.is_used_up = False
        self.files = 0
        self.sent_bytes = 0
        self._artifact = artifact
        self._bases = {base.name: base for base in bases}
        self._on_progress = on_progress
        self._wanted: list[str] = []
        self._seen: list[str] = []

    def hear(self, line: str) -> None:
        match line.split():
            case ["not", base, why]:
                self.remarks = (*self.remarks, (base, why))
            case ["saw", *_] if not self._wanted:
                self._seen.append(line.removeprefix("saw "))
            case words if not self._wanted:
                self._wanted = words

    @property
    def has_nothing_to_do(self) -> bool:
        return self._wanted == ["have"]

    def __iter__(self) -> Iterator[bytes]:
        while not self._wanted:
            yield b""
        found = self._source()
        if found is None:
            return
        yield found.preface(self._wanted[-1])
        total = found.path.stat().st_size
        with found.path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
                self.sent_bytes += len(piece)
                self._on_progress(self.sent_bytes, total)

    def _source(self) -> Packed | None:
        match self._wanted:
            case ["full", how, summed] if how in _HOW and summed in _SUMMED:
                self.files = self._artifact.manifest.files
                return packs.packed(self._artifact, how)
            case ["delta" | "ask" | "check" as verdict, name, way, how, summed] if (
                how in _HOW and summed in _SUMMED and name in self._bases
            ):
                self.base = self._bases[name]
                self.is_used_up = way == "use"
                self.files = self.base.delta.files
                checks = verdict == "check" or not self._are_right(self.base)
                if checks:
                    self.remarks = (*self.remarks, (name, "touched"))
                return deltas.packed(self._artifact, self.base, how, checks=checks)
        return None

    def _are_right(self, base: Base) -> bool:
        """Whether all files of the base that were seen are as its manifest says."""
        right = set(sums(base.delta.there).decode("utf-8", "replace").splitlines()) if self._seen else set()
        return right.issuperset(self._seen)


def _check(result: Result, command: str) -> Result:
    """The result of a script of `rules.remote`, if it is good; its own exit statuses have names."""
    if not result.exit_status:
        return result
    said = result.err_tail.strip()
    known = {
        remote.NO_RELEASE: "release_missing",
        remote.WRONG_CONTENT: "verify_failed",
        remote.NOT_A_LINK: "current_is_no_link",
        remote.BUSY: "server_busy",
        remote.BEHIND_LINK: "shared_behind_link",
    }
    if result.exit_status == remote.TAKEN_OVER:
        raise ReachError("taken_over", server=result.server, detail=said)
    if result.exit_status in known and not is_disk_full(said):
        raise CommandFailed(
            known[result.exit_status],
            server=result.server,
            command=command,
            exit_status=result.exit_status,
            tail=said,
        )
    return result.check(command)
