"""The pipeline file (deploy.yml): parsed, checked to the last key, and merged per environment.

`deploy.example.yml` beside this module is the documentation of every key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Literal, get_args

from deploy_core.errors import PipelineError

from .pipeline_reader import Section, read

#: Longest file, in characters. The example, which has everything, is a twentieth of it.
LIMIT_CHARS = 65_536


@dataclass(frozen=True, slots=True)
class Build:
    commands: tuple[str, ...] = ()
    timeout_s: float = 300


@dataclass(frozen=True, slots=True)
class Package:
    include: tuple[str, ...] = ("**",)
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shared:
    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hooks:
    before_fetch: tuple[str, ...] = ()
    after_fetch: tuple[str, ...] = ()
    before_switch: tuple[str, ...] = ()
    after_switch: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Restart:
    command: str
    timeout_s: float = 60


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """`port` is a number or the name of a variable that holds one."""

    port: int | str
    path: str = "/"
    status: int = 200


@dataclass(frozen=True, slots=True)
class TcpCheck:
    """Something listens on `port`, a number or the name of a variable that holds one."""

    port: int | str


@dataclass(frozen=True, slots=True)
class Health:
    """One of the three is asked; `command` is well when it ends with exit status 0."""

    http: HttpCheck | None = None
    tcp: TcpCheck | None = None
    command: str = ""
    timeout_s: float = 30
    interval_s: float = 1

    @property
    def port(self) -> int | str:
        """The port that is asked; 0 for a command."""
        asked = self.http or self.tcp
        return asked.port if asked else 0


@dataclass(frozen=True, slots=True)
class Task:
    commands: tuple[str, ...]
    timeout_s: float = 300


@dataclass(frozen=True, slots=True)
class Timeouts:
    step_s: float = 600
    total_s: float = 3600


@dataclass(frozen=True, slots=True)
class Share:
    """So many of some servers: `count` of them or, when that is 0, `percent` of all."""

    count: int = 0
    percent: int = 100

    def of(self, servers: int) -> int:
        return self.count or servers * self.percent // 100


Order = Literal["listed", "reversed", "shuffled"]
Wait = Literal["never", "canary", "each"]
OnFailure = Literal["back", "back-batch", "stop", "skip"]


@dataclass(frozen=True, slots=True)
class Batches:
    """How servers take turns: `canary` of them first, then `size` together, in `order`.

    Between batches `pause_s` go by, and `wait` says after which a person has to resume. When a server fails, all
    that were switched go `back`, or only those of its batch do (`back-batch`), or all stay as they are (`stop`), or
    it is left behind (`skip`) as long as no more than `skip_limit` are.
    """

    size: Share = Share()
    canary: int = 0
    order: Order = "listed"
    pause_s: float = 0
    wait: Wait = "never"
    on_failure: OnFailure = "back"
    skip_limit: Share = Share(0, 0)
    #: What an environment allows at most, whatever `size` says; 0 allows any number.
    at_most: int = 0


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a step that failed is tried again before it counts as failed."""

    build: int = 0
    stage: int = 0
    switch: int = 0
    restart: int = 0
    health: int = 0


@dataclass(frozen=True, slots=True)
class EnvironmentPipeline:
    """How one environment is deployed."""

    build: Build = Build()
    package: Package = Package()
    shared: Shared = Shared()
    hooks: Hooks = Hooks()
    restart: Restart | None = None
    health: Health | None = None
    tasks: Mapping[str, Task] = field(default_factory=lambda: MappingProxyType({}))
    keep: int = 5
    timeouts: Timeouts = Timeouts()
    retries: Retries = Retries()
    batches: Batches = Batches()
    verify_s: float = 0
    variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A whole file: what holds everywhere, and the environments that differ."""

    common: EnvironmentPipeline = EnvironmentPipeline()
    environments: Mapping[str, EnvironmentPipeline] = field(default_factory=lambda: MappingProxyType({}))


def parse(text: str, *, was_live: bool = False) -> Pipeline:
    """The pipeline that `text` (YAML) describes.

    The file of a release that `was_live` may share a path inside another: one must be able to go back to it.

    Raises:
        PipelineError: with `path`, `expected` and `got` (code `pipeline_wrong`), with `path` and `near`
            (`pipeline_unknown_key`), or with `line` and `problem` when it is no YAML of ours (`pipeline_unreadable`).
    """
    if len(text) > LIMIT_CHARS:
        raise PipelineError("pipeline_unreadable", line=1, problem=f"longer than {LIMIT_CHARS:,} characters")
    whole = Section(read(text), "")
    differing = whole.take_section("environments")
    return Pipeline(
        common=_environment(whole.merged(Section({}, "")), was_live),
        environments=MappingProxyType(
            {name: _environment(whole.merged(differing.take_section(name)), was_live) for name in differing.names()}
        ),
    )


def for_environment(pipeline: Pipeline, name: str) -> EnvironmentPipeline:
    """How the environment called `name` is deployed."""
    return pipeline.environments.get(name, pipeline.common)


def of_release(text: str, name: str) -> EnvironmentPipeline:
    """How the environment called `name` was deployed by the file of a release that it has.

    Raises:
        PipelineError: the file is of a version that read it otherwise.
    """
    return for_environment(parse(text, was_live=True), name)


def stricter(
    pipeline: EnvironmentPipeline, *, batch_size: int = 0, verify_s: float = 0, needs_health: bool = False
) -> EnvironmentPipeline:
    """`pipeline` as an environment of ours allows it: where both say something, the stricter holds.

    At most `batch_size` servers switch together (0: any number), health is watched for at least `verify_s`.

    Raises:
        PipelineError: `health_required`: the environment wants a health check, and the file has none.
    """
    if (needs_health or verify_s) and pipeline.health is None:
        raise PipelineError("health_required")
    return replace(
        pipeline,
        batches=replace(pipeline.batches, at_most=batch_size),
        verify_s=max(pipeline.verify_s, verify_s),
    )


def _environment(top: Section, was_live: bool) -> EnvironmentPipeline:
    build, package, shared, hooks = (top.take_section(name) for name in ("build", "package", "shared", "hooks"))
    restart, health, tasks = (top.take_section(name) for name in ("restart", "health", "tasks"))
    timeouts, retries = top.take_section("timeouts"), top.take_section("retries")
    batches, variables = top.take_section("batches"), top.take_section("variables")
    pipeline = EnvironmentPipeline(
        build=Build(build.take_commands("commands"), build.take_seconds("timeout", 300)),
        package=Package(
            package.take_paths("include", default=("**",)),
            package.take_paths("exclude"),
        ),
        shared=_shared(shared, was_live),
        hooks=Hooks(
            hooks.take_commands("before_fetch"),
            hooks.take_commands("after_fetch"),
            hooks.take_commands("before_switch"),
            hooks.take_commands("after_switch"),
        ),
        restart=Restart(restart.take_text("command"), restart.take_seconds("timeout", 60)) if restart else None,
        health=_health(health) if health else None,
        tasks=MappingProxyType({name: _task(tasks.take_section(name)) for name in tasks.names()}),
        keep=top.take_number("keep", default=5, least=1, most=100),
        timeouts=Timeouts(timeouts.take_seconds("step", 600), timeouts.take_seconds("total", 3600)),
        retries=Retries(
            *(retries.take_number(name, default=0, least=0, most=10) for name in Retries.__dataclass_fields__)
        ),
        batches=_batches(batches),
        verify_s=top.take_seconds("verify", 0, least=0),
        variables=MappingProxyType({name: variables.take_variable(name) for name in variables.names()}),
    )
    for section in (build, package, shared, hooks, restart, timeouts, retries, batches, top):
        section.refuse_rest()
    return pipeline


def _shared(shared: Section, was_live: bool) -> Shared:
    """What lies inside a shared path is behind a link by the time it would be replaced. Files come before folders, so
    one of them may lie in a shared folder."""
    found = Shared(shared.take_paths("files"), shared.take_paths("folders"))
    files, folders = set(map(PurePosixPath, found.files)), set(map(PurePosixPath, found.folders))
    for key, paths, others in (("files", found.files, files), ("folders", found.folders, files | folders)):
        for number, path in enumerate(paths):
            if not was_live and not others.isdisjoint(PurePosixPath(path).parents):
                shared.wrong(f"{key}.{number}", "a path that lies in no other shared one", path)
    return found


def _health(health: Section) -> Health:
    http, tcp = health.take_section("http"), health.take_section("tcp")
    command = health.take_text("command", default="")
    check = Health(
        http=HttpCheck(
            port=http.take_port("port"),
            path=http.take_url_path("path", default="/"),
            status=http.take_number("status", default=200, least=100, most=599),
        )
        if http
        else None,
        tcp=TcpCheck(tcp.take_port("port")) if tcp else None,
        command=command,
        timeout_s=health.take_seconds("timeout", 30),
        interval_s=health.take_seconds("interval", 1),
    )
    for section in (http, tcp, health):
        section.refuse_rest()
    if (asked := sum((bool(http), bool(tcp), bool(command)))) != 1:
        health.wrong("", "one of http, tcp and command", f"{asked} of them" if asked else None)
    return check


def _task(task: Section) -> Task:
    made = Task(task.take_commands("commands", required=True), task.take_seconds("timeout", 300))
    task.refuse_rest()
    return made


def _batches(batches: Section) -> Batches:
    return Batches(
        size=_share(batches, "size", (100, True)),
        canary=batches.take_number("canary", default=0, least=0, most=1000),
        order=batches.take_choice("order", get_args(Order)),
        pause_s=batches.take_seconds("pause", 0, least=0),
        wait=batches.take_choice("wait", get_args(Wait)),
        on_failure=batches.take_choice("on_failure", get_args(OnFailure)),
        skip_limit=_share(batches, "skip_limit", (0, True)),
    )


def _share(batches: Section, key: str, default: tuple[int, bool]) -> Share:
    size, is_percent = batches.take_share(key, default=default)
    return Share(count=0 if is_percent else size, percent=size if is_percent else 100)
