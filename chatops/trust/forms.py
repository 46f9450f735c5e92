"""The forms of people, teams and grants."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from chatops.accounts.forms import ZoneField
from deploy_core.models import App, Environment, Person, Team
from deploy_core.rules.grants import EVERYWHERE

ROLE_NAMES = (
    ("viewer", pgettext_lazy("role", "Viewer: looks")),
    ("deployer", pgettext_lazy("role", "Deployer: deploys, rolls back, locks")),
    ("approver", pgettext_lazy("role", "Approver: also approves and freezes")),
    ("manager", pgettext_lazy("role", "Manager: also changes how")),
)


class _Dressed:
    """Fields in the house's look."""

    fields: dict[str, forms.Field]

    def dress(self) -> None:
        """Give every field that is no box its class."""
        for field in self.fields.values():
            if not isinstance(field.widget, forms.CheckboxInput | forms.CheckboxSelectMultiple):
                field.widget.attrs["class"] = "input"


class ZoneForm(_Dressed, forms.ModelForm):  # type: ignore[type-arg]
    """One's own time zone."""

    time_zone = ZoneField()

    class Meta:
        model = Person
        fields = ("time_zone",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dress()


class PersonForm(_Dressed, forms.ModelForm):  # type: ignore[type-arg]
    """A new person, who comes in by a link, or a service, which owns tokens."""

    is_service = forms.BooleanField(label=_("A service: owns tokens and webhooks, never signs in"), required=False)

    class Meta:
        model = Person
        fields = ("username", "email")
        labels = {"username": _("User name"), "email": _("E-mail")}
        help_texts = {"username": "", "email": _("Who signs in through the single sign-on is known by it.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dress()
        self.fields["username"].widget.attrs |= {"autocomplete": "off"}

    def save(self, commit: bool = True) -> Person:
        """The person, without a password."""
        person: Person = super().save(commit=False)
        person.kind = Person.Kind.SERVICE if self.cleaned_data["is_service"] else Person.Kind.PERSON
        person.set_unusable_password()
        person.save()
        return person


class TeamForm(_Dressed, forms.ModelForm):  # type: ignore[type-arg]
    """A team and who is in it."""

    class Meta:
        model = Team
        fields = ("name", "people")
        labels = {"name": _("Name"), "people": _("People")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["people"].queryset = Person.objects.order_by("username")  # type: ignore[attr-defined]
        self.fields["people"].widget = forms.CheckboxSelectMultiple(choices=self.fields["people"].choices)  # type: ignore[attr-defined]
        self.fields["people"].required = False
        self.dress()


class GrantForm(_Dressed, forms.Form):
    """A role, on one app or all, in environments of one name or all."""

    role = forms.ChoiceField(label=_("Role"), choices=ROLE_NAMES, initial="deployer")
    app = forms.ModelChoiceField(
        App.objects.order_by("name"), label=_("App"), required=False, empty_label=_("Every app")
    )
    environment = forms.CharField(label=_("Environment"), max_length=63, initial=EVERYWHERE)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dress()
        self.fields["environment"].widget.attrs |= {"list": "environment-names", "autocomplete": "off"}
        self.names = sorted(set(Environment.objects.values_list("name", flat=True)))

    def clean_environment(self) -> str:
        """`*`, or the name of an environment that is there: a slip would grant nothing and look as if it did."""
        name = str(self.cleaned_data["environment"]).strip()
        if name != EVERYWHERE and name not in self.names:
            raise ValidationError(_("There is no environment of that name. “*” means every one."))
        return name
