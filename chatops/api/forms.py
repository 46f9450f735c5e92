"""The form of a new token."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from chatops.api.models import SCOPE_NAMES
from deploy_core.models import App, Person
from deploy_core.models.fleet import NAME


class TokenForm(forms.Form):
    """`people` are those who may be named as whose it is: oneself, and services for who manages everything."""

    person = forms.ModelChoiceField(Person.objects.none(), label=_("Acts as"), empty_label=None)
    name = forms.CharField(label=_("What it is for"), max_length=63)
    app = forms.ModelChoiceField(App.objects.none(), label=_("App"), required=False, empty_label=_("All"))
    environment = forms.CharField(label=_("Environment"), max_length=63, required=False, validators=[NAME])
    days = forms.IntegerField(label=_("Good for days"), min_value=1, initial=90)
    scopes = forms.MultipleChoiceField(
        label=_("May"),
        choices=list(SCOPE_NAMES.items()),
        widget=forms.CheckboxSelectMultiple,
        initial=["status"],
    )

    def __init__(self, *args: Any, people: Any, apps: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].queryset = people  # type: ignore[attr-defined]
        self.fields["app"].queryset = apps  # type: ignore[attr-defined]
        self.fields["environment"].widget.attrs["placeholder"] = "*"
        for name in ("person", "name", "app", "environment", "days"):
            self.fields[name].widget.attrs |= {"class": "input", "autocomplete": "off"}

    def clean_days(self) -> int:
        days = int(self.cleaned_data["days"])
        if days > settings.TOKEN_MOST_DAYS:
            raise ValidationError(_("At most %(days)s."), params={"days": settings.TOKEN_MOST_DAYS})
        return days
