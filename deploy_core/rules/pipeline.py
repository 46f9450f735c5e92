"""The pipeline file (deploy.yml): parsed, checked to the last key, and merged per environment.

`deploy.example.yml` beside this module is the documentation of every key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

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
class Health:
    http: HttpCheck
    timeout_s: float = 30
    interval_s: float = 1


@dataclass(frozen=True, slots=True)
class Task:
    commands: tuple[str, ...]
    timeout_s: float = 300


@dataclass(frozen=True, slots=True)
class Timeouts:
    step_s: float = 600
    total_s: float = 3600


@dataclass(frozen=True, slots=True)
class Batches:
    """Servers that switch together: `count` of them or, when that is 0, `percent` of all."""

    count: int = 0
    percent: int = 100
    pause_s: float = 0

    def size(self, servers: int) -> int:
        """How many of `servers` switch together; at least one."""
        return max(1, self.count or servers * self.percent // 100)


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
    batches: Batches = Batches()
    verify_s: float = 0
    variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A whole file: what holds everywhere, and the environments that differ."""

    common: EnvironmentPipeline = EnvironmentPipeline()
    environments: Mapping[str, EnvironmentPipeline] = field(default_factory=lambda: MappingProxyType({}))


def parse(text: str) -> Pipeline:
    """The pipeline that `text` (YAML) describes.

    Raises:
        PipelineError: with `path`, `expected` and `got` (code `pipeline_wrong`), with `path` and `near`
            (`pipeline_unknown_key`), or with `line` and `problem` when it is no YAML of ours (`pipeline_unreadable`).
    """
    if len(text) > LIMIT_CHARS:
        raise PipelineError("pipeline_unreadable", line=1, problem=f"longer than {LIMIT_CHARS:,} characters")
    whole = Section(read(text), "")
    differing = whole.take_section("environments")
    return Pipeline(
        common=_environment(whole.merged(Section({}, ""))),
        environments=MappingProxyType(
            {name: _environment(whole.merged(differing.take_section(name))) for name in differing.names()}
        ),
    )


def for_environment(pipeline: Pipeline, name: str) -> EnvironmentPipeline:
    """How the environment called `name` is deployed."""
    return pipeline.environments.get(name, pipeline.common)


def _environment(top: Section) -> EnvironmentPipeline:
    build, package, shared, hooks = (top.take_section(name) for name in ("build", "package", "shared", "hooks"))
    restart, health, tasks = (top.take_section(name) for name in ("restart", "health", "tasks"))
    timeouts, batches, variables = (top.take_section(name) for name in ("timeouts", "batches", "variables"))
    pipeline = EnvironmentPipeline(
        build=Build(build.take_commands("commands"), build.take_seconds("timeout", 300)),
        package=Package(
            package.take_paths("include", default=("**",)),
            package.take_paths("exclude"),
        ),
        shared=Shared(shared.take_paths("files"), shared.take_paths("folders")),
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
        batches=_batches(batches),
        verify_s=top.take_seconds("verify", 0, least=0),
        variables=MappingProxyType({name: variables.take_variable(name) for name in variables.names()}),
    )
    for section in (build, package, shared, hooks, restart, timeouts, batches, top):
        section.refuse_rest()
    return pipeline


def _health(health: Section) -> Health:
    http = health.take_section("http", required=True)
    check = Health(
        HttpCheck(
            port=http.take_port("port"),
            path=http.take_url_path("path", default="/"),
            status=http.take_number("status", default=200, least=100, most=599),
        ),
        timeout_s=health.take_seconds("timeout", 30),
        interval_s=health.take_seconds("interval", 1),
    )
    http.refuse_rest()
    health.refuse_rest()
    return check


def _task(task: Section) -> Task:
    made = Task(task.take_commands("commands", required=True), task.take_seconds("timeout", 300))
    task.refuse_rest()
    return made


def _batches(batches: Section) -> Batches:
    size, is_percent = batches.take_share("size", default=(100, True))
    pause_s = batches.take_seconds("pause", 0, least=0)
    return Batches(count=0 if is_percent else size, percent=size if is_percent else 100, pause_s=pause_s)
