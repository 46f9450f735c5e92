"""The form of an environment's secret. The value is only written: nobody is shown it again, also not who typed it."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from chatops.fleet.fields import Write
from chatops.fleet.forms import FleetForm
from deploy_core import granting
from deploy_core.granting import To
from deploy_core.models import Secret
from deploy_core.reach import secrets
from deploy_core.reach.masking import LEAST


class SecretForm(FleetForm):
    """A new one, or (with an instance) another value or other grants for one that is there."""

    value = forms.CharField(
        strip=False, label=_("Value"), widget=Write(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "off"})
    )

    to = forms.MultipleChoiceField(
        label=_("Who gets it"),
        choices=[
            ("builds", _("Builds and the hooks around a fetch")),
            ("servers", _("Commands on servers: hooks, restart, health and tasks")),
        ],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose who gets it: builds, commands on servers, or both.")},
    )

    codes = frozenset({"name", "value"})
    name_shape = _("Letters, digits and underscores, no digit first; SHIPROOM_ is ours.")
    parts = (
        ("", _("A value that commands get as an environment variable."), ("name", "value")),
        (
            _("Granted to"),
            _("Whoever may deploy a branch here can write a build that prints or sends what builds get."),
            ("to",),
        ),
    )

    class Meta:
        model = Secret
        fields = ("name",)
        labels = {"name": _("Name")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name, value = self.fields["name"], self.fields["value"]
        if self.instance.pk:
            name.disabled = True
            value.required = False
            value.help_text = _("Empty: the value stays as it is.")
            self.initial["to"] = [
                word for word, is_one in granting.granted_to(self.instance)._asdict().items() if is_one
            ]
        else:
            name.help_text = _("Of the variable, like NPM_TOKEN.")
            value.help_text = _("Sealed when saved; nobody reads it back.")

    def clean_name(self) -> str:
        """None that is there: its own page is where it gets another value."""
        name = str(self.cleaned_data["name"])
        if self.instance.environment.secrets.exclude(pk=self.instance.pk).filter(name=name).exists():
            raise ValidationError(
                _("%(name)s is there already. Open it in the list to replace it."), params={"name": name}
            )
        return name

    def clean_value(self) -> str | None:
        """As a command would get it: lines end as on a server, and not with the one that pasting brings along."""
        text = str(self.cleaned_data["value"]).replace("\r\n", "\n").removesuffix("\n")
        if not text and self.instance.pk:
            return None
        if not secrets.is_fit(text):
            limits = {"least": LEAST, "limit": secrets.LIMIT_BYTES}
            raise ValidationError(
                _("A value has %(least)d to %(limit)d bytes; a shorter one could not be masked."), params=limits
            )
        return text

    def granted(self) -> To:
        """Whom it is to be granted to."""
        return To("builds" in self.cleaned_data["to"], "servers" in self.cleaned_data["to"])
