"""Forms of apps, their environments, and which servers those are on."""

from pathlib import PurePosixPath
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from bot import phrases
from bot.grammar import RESERVED
from chatops.fleet import access
from chatops.fleet.fields import Names, NotedField, Variables
from chatops.fleet.forms import FleetForm, ModelForm, others
from chatops.room.models import Room
from deploy_core.errors import PipelineError
from deploy_core.models import App, Environment, Person, Placement, Server
from deploy_core.reach import git
from deploy_core.rules import pipeline, repository


class AppForm(FleetForm):
    """A repository and how it is deployed."""

    codes = frozenset({"repository", "default_ref", "pipeline"})
    parts = (
        (_("App"), _("What people type, and where it comes from."), ("name", "repository", "default_ref")),
        (_("Pipeline"), _("Used where the repository has no deploy.yml."), ("pipeline",)),
    )

    class Meta:
        model = App
        fields = ("name", "repository", "default_ref", "pipeline")
        labels = {
            "name": _("Name"),
            "repository": _("Repository"),
            "default_ref": _("Usual branch"),
            "pipeline": _("Pipeline file"),
        }
        help_texts = {
            "repository": _("https://… or ssh://…, without a password."),
            "default_ref": _("What is deployed when nobody says what."),
        }
        widgets = {"pipeline": forms.Textarea(attrs={"rows": 8, "spellcheck": "false"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.keep_name()

    def clean_name(self) -> str:
        """No command's name, and no other app's."""
        if self.cleaned_data["name"] in RESERVED:
            raise ValidationError(
                _("%(name)s is a command. Choose another name."), params={"name": self.cleaned_data["name"]}
            )
        message = _("%(name)s is another app already. Free: %(free)s.")
        return self.unique_name(others(self, App.objects), message)

    def clean_repository(self) -> str:
        """Only addresses that git is ever given."""
        url = str(self.cleaned_data["repository"]).strip()
        if not git.is_allowed_url(url):
            raise ValidationError(_WHY_NOT.get(repository.why_not_allowed(url, with_files=False), _WHY_NOT["form"]))
        return url

    def clean_default_ref(self) -> str:
        ref = str(self.cleaned_data["default_ref"])
        if not repository.is_ref_name(ref):
            raise ValidationError(_("That is no branch or tag."))
        return ref

    def clean_pipeline(self) -> str:
        """A file that would stop a deployment is not stored."""
        text = str(self.cleaned_data["pipeline"])
        if text.strip():
            try:
                pipeline.parse(text)
            except PipelineError as error:
                raise ValidationError(phrases.render(error.code, error.params)) from error
        return text


_WHY_NOT = {
    "form": _("That is no address of a repository. Write it like https://git.example.org/shop.git."),
    "password": _("The address has a name or password in it. Leave it out."),
    "host": _("That address is this machine. Name the host that others can reach."),
    "file": _("A folder of this machine is no repository here. Use https or ssh."),
}


class EnvironmentForm(FleetForm):
    """Where an app goes, and how careful people must be there. No branch can weaken what stands here."""

    variables = Variables(label=_("Variables"), help_text=_("One NAME=value a line, for the app's commands here."))

    command_rooms = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=_("Commands are typed in"),
        help_text=_("None chosen: in any room. Looking is possible from everywhere."),
    )

    required_checks = Names(
        label=_("Must be green"), help_text=_("Their names, one a line; * for all there are. Empty: no gate.")
    )

    codes = frozenset({"path", "default_ref", "followed_branch", "required_checks", "variables"})
    parts = (
        (
            _("Environment"),
            _("What people type, and the folder on each server."),
            ("name", "path", "default_ref", "variables"),
        ),
        (
            _("Care"),
            _("Of this and deploy.yml the stricter holds."),
            ("is_protected", "needs_proof", "needs_health", ("approvals_needed", "batch_size"), "verify_minutes"),
        ),
        (_("Where from"), _("What may set a deployment going."), ("command_rooms", "followed_branch")),
        (
            _("Checks"),
            _("Statuses and check runs of GitHub that must be green on a revision before it is deployed."),
            ("required_checks", "checks_may_be_forced"),
        ),
    )

    class Meta:
        model = Environment
        fields = (
            "name",
            "path",
            "default_ref",
            "is_protected",
            "needs_proof",
            "needs_health",
            "approvals_needed",
            "batch_size",
            "verify_minutes",
            "followed_branch",
            "required_checks",
            "checks_may_be_forced",
            "variables",
        )
        labels = {
            "name": _("Name"),
            "path": _("Folder"),
            "followed_branch": _("Branch whose pushes deploy it"),
            "checks_may_be_forced": _("Managers may deploy past them, with a reason"),
            "default_ref": _("Usual branch"),
            "is_protected": _("Protected: who asks for a deployment confirms it first"),
            "needs_proof": _("Whoever starts, confirms or approves one gives a second step afresh"),
            "needs_health": _("No deployment without a health check"),
            "approvals_needed": _("Approvals needed"),
            "batch_size": _("Servers at once"),
            "verify_minutes": _("Watch for minutes"),
        }
        help_texts = {
            "path": _("Holds releases/, shared/ and current. A relative one lies below the login's home."),
            "default_ref": _("Empty: the app's."),
            "followed_branch": _("Empty: none. GitHub or GitLab must be let in first (manage.py hook)."),
            "approvals_needed": _("By others than who asks."),
            "batch_size": _("0: as deploy.yml says."),
            "verify_minutes": _("Health is watched for so long after the last server."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.keep_name()
        rooms = self.fields["command_rooms"]
        rooms.choices = [(slug, slug) for slug in seen_rooms(self.reader)]  # type: ignore[attr-defined]
        rooms.initial = self.initial["command_rooms"] = self.instance.command_rooms

    def clean_command_rooms(self) -> list[str]:
        """Those that were chosen; a room that the reader may not see stays what it was."""
        chosen: list[str] = self.cleaned_data["command_rooms"]
        hidden = [slug for slug in self.instance.command_rooms if slug not in seen_rooms(self.reader)]
        return [*chosen, *hidden]

    def clean_followed_branch(self) -> str:
        branch = str(self.cleaned_data["followed_branch"]).strip()
        if branch and not repository.is_ref_name(branch):
            raise ValidationError(_("That is no branch."))
        return branch

    def save(self, commit: bool = True) -> Environment:
        self.instance.command_rooms = self.cleaned_data["command_rooms"]
        environment: Environment = super().save(commit)
        return environment

    def clean_name(self) -> str:
        message = _("%(name)s is another environment of this app already. Free: %(free)s.")
        return self.unique_name(others(self, Environment.objects.filter(app=self.instance.app)), message)

    def clean_path(self) -> str:
        """A folder of its own: not the root, no way up."""
        path = str(self.cleaned_data["path"]).strip()
        parts = [part for part in path.split("/") if part]
        if not parts or ".." in parts or not path.isprintable() or path.startswith("-"):
            raise ValidationError(_("That is no folder for releases. Write it like /srv/shop, without “..”."))
        return path

    def clean_default_ref(self) -> str:
        ref = str(self.cleaned_data["default_ref"])
        if ref and not repository.is_ref_name(ref):
            raise ValidationError(_("That is no branch or tag."))
        return ref


class PlacementForm(ModelForm):
    """One server of an environment, with the variables that only this pair has."""

    bound_field_class = NotedField
    variables = Variables(label=_("Variables"))

    class Meta:
        model = Placement
        fields = ("position", "server", "variables")
        labels = {"position": _("Order"), "server": _("Server")}

    def __init__(
        self,
        *args: Any,
        reader: Person,
        environment: Environment,
        servers: QuerySet[Server],
        is_open: bool = True,
        following: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.place = environment
        self.reader = reader
        self.fields["server"].empty_label = _("No server")  # type: ignore[attr-defined]
        if not self.instance.pk:
            self.fields["position"].initial = self.initial["position"] = following
        self.fields["variables"].widget.attrs |= {"rows": 1, "class": "input input--code"}
        self.fields["server"].widget.attrs["class"] = "input"
        self.fields["position"].widget.attrs["class"] = "input"
        chosen = [self.instance.server_id] if self.instance.pk else []
        self.fields["server"].queryset = servers | Server.objects.filter(pk__in=chosen).order_by("name")  # type: ignore[attr-defined]
        for field in self.fields.values():
            field.disabled = not is_open

    def clean_server(self) -> Server:
        """A server where no other environment has the same folder, or one around or inside it."""
        server: Server = self.cleaned_data["server"]
        here = self.place
        for other in Environment.objects.filter(placements__server=server).exclude(pk=here.pk).select_related("app"):
            if is_within(here.path, other.path) or is_within(other.path, here.path):
                if access.environments(self.reader).filter(pk=other.pk).exists():
                    raise ValidationError(_("%(environment)s has that folder there.") % {"environment": other})
                raise ValidationError(_("Another environment has that folder there."))
        return server


def seen_rooms(person: Person) -> list[str]:
    """The rooms that a person may know of: open ones, and their own."""
    found = Room.objects.filter(Q(is_closed=False) | Q(members=person)).distinct()
    return list(found.order_by("slug").values_list("slug", flat=True))


def is_within(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies in it; a relative path is below the login's home."""
    inner, outer = PurePosixPath(path), PurePosixPath(folder)
    return inner == outer or outer in inner.parents


PlacementSet = forms.inlineformset_factory(Environment, Placement, form=PlacementForm, extra=2, can_delete=True)
