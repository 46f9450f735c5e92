"""Forms of what closes environments: windows that come every week, and freezes that a person sets."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from bot import phrases
from chatops.accounts.forms import ZoneField
from chatops.fleet import access
from chatops.fleet.forms import FleetForm
from deploy_core.errors import Refused
from deploy_core.models import Freeze, Window
from deploy_core.rules import times
from deploy_core.rules.grants import EVERYWHERE, Action
from deploy_core.safety import access as rights


class ClosingForm(FleetForm):
    """What both have: an app and an environment's name, each perhaps every one, a zone, and why.

    `right` is what one must be allowed to do there, `refusal` what is said to whoever is not.
    """

    right: Action
    refusal: Any

    environment = forms.ChoiceField(label=_("Environment"))
    time_zone = ZoneField()
    reason = forms.CharField(label=_("Why"), max_length=500, help_text=_("Told to whoever wants to deploy meanwhile."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        app: Any = self.fields["app"]
        app.queryset, app.empty_label = access.apps(self.reader), _("Every app")
        names = access.environments(self.reader).values_list("name", flat=True)
        environment: Any = self.fields["environment"]
        environment.choices = [(EVERYWHERE, _("Every environment")), *((name, name) for name in sorted(set(names)))]
        self.fields["time_zone"].initial = self.initial["time_zone"] = self.reader.time_zone or "UTC"

    def clean(self) -> dict[str, Any]:
        """Only where the person may do it."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        app, environment = found.get("app"), found.get("environment", EVERYWHERE)
        if not rights.can(self.reader, self.right, app.name if app else EVERYWHERE, environment):
            self.add_error("app", ValidationError(self.refusal))
        return found


class WindowForm(ClosingForm):
    """A span of the week."""

    right = "manage"
    refusal = _("You do not manage all of that. Choose an app and an environment that you manage.")
    days = forms.TypedMultipleChoiceField(
        label=_("Days"),
        coerce=int,
        choices=[(number, WEEKDAYS[number]) for number in range(7)],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose the days on which it begins.")},
    )
    kind = forms.ChoiceField(
        label=_("What it does"),
        choices=[
            (Window.Kind.DENY, _("Nothing is deployed while it is open")),
            (Window.Kind.ALLOW, _("Only while it is open something is deployed")),
        ],
    )

    codes = frozenset({"time_zone"})
    parts = (
        (_("What"), _("Deny beats allow, and a freeze beats both."), ("kind", ("app", "environment"))),
        (
            _("When"),
            _("One that ends before it begins ends on the day after; equal times are a whole day."),
            ("days", ("opens", "closes"), "time_zone"),
        ),
        (_("Why"), "", ("reason",)),
    )

    class Meta:
        model = Window
        fields = ("kind", "app", "environment", "days", "opens", "closes", "time_zone", "reason")
        labels = {"app": _("App"), "opens": _("From"), "closes": _("Until")}
        widgets = {
            "opens": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
            "closes": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        }
        error_messages = {
            name: {"invalid": _("That is no time of the day. Write it like 09:00.")} for name in ("opens", "closes")
        }

    def clean_days(self) -> list[int]:
        return sorted(self.cleaned_data["days"])


class FreezeForm(ClosingForm):
    """A span that is set once. Empty ends: from now, until somebody lifts it."""

    right = "approve"
    refusal = _("You may not freeze all of that. Choose an app and an environment whose deployments you approve.")
    starts = forms.CharField(label=_("From"), required=False, help_text=_("Empty: now."))
    ends = forms.CharField(label=_("Until"), required=False, help_text=_("Empty: until somebody lifts it."))

    codes = frozenset({"time_zone"})
    parts = (
        (_("What"), _("Nothing is deployed there meanwhile."), (("app", "environment"),)),
        (_("When"), _("By the clocks of the time zone."), (("starts", "ends"), "time_zone")),
        (_("Why"), "", ("reason",)),
    )

    class Meta:
        model = Freeze
        fields = ("app", "environment", "time_zone", "reason")
        labels = {"app": _("App")}

    field_order = ("app", "environment", "time_zone", "starts", "ends", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("starts", "ends"):
            self.fields[name].widget.attrs |= {"type": "datetime-local"}

    def clean_starts(self) -> datetime | None:
        return self._moment("starts")

    def clean_ends(self) -> datetime | None:
        """After its begin, and not over already."""
        ends, starts = self._moment("ends"), self.cleaned_data.get("starts")
        if ends and ends <= (starts or timezone.now()):
            raise ValidationError(_("It would be over before it begins."))
        return ends

    def _moment(self, name: str) -> datetime | None:
        text = str(self.cleaned_data[name]).strip()
        if not text:
            return None
        try:
            local = datetime.fromisoformat(text)
        except ValueError:
            raise ValidationError(_("That is no time. Write it like 2026-12-01T22:00.")) from None
        if local.tzinfo:
            return local
        try:
            return times.at_clock(local, ZoneInfo(self.cleaned_data.get("time_zone", "UTC")))
        except Refused as error:
            raise ValidationError(phrases.render(error.code, error.params)) from error
