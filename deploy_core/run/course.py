"""What one deployment is about to do, and where."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from django.conf import settings

from deploy_core.errors import PipelineError
from deploy_core.models import Artifact, Deployment, Environment, Release
from deploy_core.reach import artifacts
from deploy_core.reach.artifacts import Artifact as Built
from deploy_core.reach.masking import Masker
from deploy_core.reach.secrets import NONE_GRANTED, Granted
from deploy_core.rules import manifest, pipeline
from deploy_core.rules.batches import Cut
from deploy_core.rules.pipeline import EnvironmentPipeline

from .servers import Site, Target


@dataclass
class Course:
    """What one deployment is about to do, and where."""

    deployment: Deployment
    pipeline: EnvironmentPipeline
    site: Site
    mask: Masker
    #: What the servers ran when the deployment began, by server name.
    before: Mapping[str, Release]
    secrets: Granted = NONE_GRANTED
    #: The names of the servers that switch together, in order.
    batches: Cut = ()

    @cached_property
    def recipe(self) -> str:
        """Names all that decides what a revision is built into."""
        shape = self.pipeline
        parts = (
            *(shape.build.commands, shape.hooks.before_fetch, shape.hooks.after_fetch, shape.package, self.variables),
            *([self.secrets.versions] if self.secrets.versions else []),
        )
        return hashlib.sha256(json.dumps(parts, default=repr, sort_keys=True).encode()).hexdigest()

    @cached_property
    def variables(self) -> dict[str, str]:
        """What a build gets besides secrets. Nothing of the deployment's own: its artifact serves others too."""
        deployment = self.deployment
        own = {name: str(value) for name, value in deployment.environment.variables.items()}
        ours = {"SHIPROOM_APP": deployment.app.name, "SHIPROOM_REVISION": deployment.revision}
        return {**self.pipeline.variables, **own, **ours}

    @property
    def is_written_to(self) -> bool:
        """Whether commands may change the release on a server, so that it must share no file with an older one."""
        return bool(self.pipeline.hooks.before_switch or self.pipeline.hooks.after_switch)

    def variables_on(self, target: Target, release: Release | None = None) -> dict[str, str]:
        """What commands on a server get; those about a release get its name and revision too."""
        about = {"SHIPROOM_RELEASE": release.name, "SHIPROOM_REVISION": release.revision} if release else {}
        if params := self.deployment.plan.get("params"):
            about["SHIPROOM_PARAMS"] = params
        return {
            **self.pipeline.variables,
            **target.variables,
            **self.secrets.servers,
            "SHIPROOM_APP": self.deployment.app.name,
            "SHIPROOM_ENVIRONMENT": self.deployment.environment.name,
            "SHIPROOM_SERVER": target.name,
            "SHIPROOM_DEPLOYMENT": str(self.deployment.pk),
            **about,
        }

    @property
    def able(self) -> frozenset[str]:
        """The servers that can go back: they are still there, and ran something before."""
        return frozenset(target.name for target in self.site.targets if target.name in self.before)

    @property
    def work(self) -> Path:
        """Where the revision is built; removed when the deployment ends. Another owner builds in another folder."""
        return Path(settings.SHIPROOM_DATA) / "work" / f"{self.deployment.pk}.{self.deployment.epoch}"

    def clear_older_work(self) -> None:
        """Remove what earlier owners of the deployment left on this machine."""
        for left in self.work.parent.glob(f"{self.deployment.pk}.*"):
            if left != self.work:
                shutil.rmtree(left, ignore_errors=True)

    def artifact_row(self) -> Artifact | None:
        """What this revision and recipe were built into before, wherever it is."""
        mine = Artifact.objects.filter(app=self.deployment.app).select_related("manifest")
        if manifest_id := self.deployment.plan.get("manifest"):  # promoted or sent again: whatever recipe made it
            return mine.filter(manifest=manifest_id).first()
        return mine.filter(revision=self.deployment.revision, recipe=self.recipe).first()

    def artifact(self) -> tuple[Artifact, Built] | None:
        """The same, if it is on this machine."""
        row = self.artifact_row()
        if row is None:
            return None
        found = artifacts.find(manifest.unpack(bytes(row.manifest.packed)), settings.SHIPROOM_ARTIFACTS)
        return (row, found) if found else None


def shape_of(text: str, environment: Environment, *, was_live: bool = False) -> EnvironmentPipeline:
    """How `environment` is deployed by a pipeline file; where both say something, the stricter holds.

    The file of a release that `was_live` is not asked for a health check: one must be able to go back to it.

    Raises:
        PipelineError: the file is wrong, or has no health check where the environment wants one.
    """
    shape = pipeline.for_environment(pipeline.parse(text, was_live=was_live), environment.name)
    is_asked = bool(shape.health) or not was_live
    return pipeline.stricter(
        shape,
        batch_size=environment.batch_size,
        verify_s=environment.verify_minutes * 60 if is_asked else 0,
        needs_health=environment.needs_health and is_asked,
    )


def port_on(target: Target, shape: EnvironmentPipeline) -> int:
    """The port of the health check on a server.

    Raises:
        PipelineError: it is named by a variable that is not there, or that is no port.
    """
    named = shape.health.port if shape.health else 0
    if isinstance(named, int):
        return named
    value = {**shape.variables, **target.variables}.get(named, "")
    if not value.isdecimal() or not 1 <= int(value) <= 65_535:
        raise PipelineError(
            "pipeline_wrong",
            path="health.http.port" if shape.health and shape.health.http else "health.tcp.port",
            expected=f"a variable {named} with a port on {target.name}",
            got=value or "nothing",
        )
    return int(value)
