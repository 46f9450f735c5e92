"""The hash that names what a deployment would do: people confirm and approve it, and nothing else runs."""

from collections.abc import Sequence

from deploy_core.models import Deployment, Environment, Release
from deploy_core.rules.plan import plan_hash

_GRANTS = ("for_builds", "for_servers")


def of(environment: Environment, revision: str, pipeline: str, servers: Sequence[str]) -> str:
    """The hash of a plan as the environment stands now."""
    placed = environment.placements.filter(server__name__in=servers).select_related("server")
    values = {
        "path": environment.path,
        "variables": environment.variables,
        "on_servers": {it.server.name: {**it.server.variables, **it.variables} for it in placed},
        "secrets": [list(it) for it in environment.secrets.values_list("pk", "name", "version", *_GRANTS)],
        "batch_size": environment.batch_size,
        "verify_minutes": environment.verify_minutes,
        "needs_health": environment.needs_health,
    }
    return plan_hash(revision=revision, pipeline=pipeline, servers=servers, values=values)


def is_still_true(deployment: Deployment) -> bool:
    """Whether the plan that a deployment was given would come out the same now."""
    if deployment.kind == Deployment.Kind.ROLLBACK:
        return True
    environment = Environment.objects.get(pk=deployment.environment_id)
    only = deployment.plan.get("only")
    placed = environment.placements.values_list("server__name", flat=True)
    servers = [name for name in placed if not only or name in only]
    if deployment.kind == Deployment.Kind.TASK:
        live = Release.objects.current_in(environment, servers)
        if live and not is_of(deployment, live):
            return False
    now = of(environment, deployment.revision, deployment.plan.get("pipeline", ""), servers)
    return now == deployment.plan_hash


def is_of(task: Deployment, live: Release) -> bool:
    """Whether a task would run in the revision, and as the file, that it was planned of."""
    return (live.revision, live.pipeline) == (task.revision, task.plan.get("pipeline", ""))
