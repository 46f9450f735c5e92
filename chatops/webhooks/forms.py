"""The forms of webhooks, one for each way."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chatops.templatetags.looks import STATUSES
from chatops.webhooks import outbox
from chatops.webhooks.models import IncomingHook, OutgoingHook
from deploy_core.models import App, Person
from deploy_core.models.fleet import NAME
from deploy_core.reach import http


def _word(event: str) -> Promise | str:
    """What an event is called: the status that the deployment comes to, or that it was asked for."""
    name = event.partition(".")[2]
    return STATUSES[name].word if name in STATUSES else _("Requested")


class IncomingForm(forms.Form):
    """`apps` are those that the reader manages; a service person is whoever may deploy them."""

    app = forms.ModelChoiceField(App.objects.none(), label=_("App"), empty_label=None)
    provider = forms.ChoiceField(label=_("Where it is"), choices=[("github", "GitHub"), ("gitlab", "GitLab")])
    person = forms.ModelChoiceField(
        Person.objects.none(), label=_("Deploys as"), empty_label=None, help_text=_("A service, with its own rights.")
    )

    def __init__(self, *args: Any, apps: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["app"].queryset = apps  # type: ignore[attr-defined]
        services = Person.objects.filter(kind=Person.Kind.SERVICE, is_active=True).order_by("username")
        self.fields["person"].queryset = services  # type: ignore[attr-defined]
        for field in self.fields.values():
            field.widget.attrs["class"] = "input"

    def keep(self) -> IncomingHook:
        """The hook; one that is there gets another person."""
        told = self.cleaned_data
        hook, _ = IncomingHook.objects.update_or_create(
            app=told["app"], provider=told["provider"], defaults={"person": told["person"]}
        )
        return hook


class OutgoingForm(forms.Form):
    """A new address that is told what happens to what its keeper may view."""

    name = forms.CharField(label=_("Name"), max_length=63, validators=[NAME])
    url = forms.CharField(label=_("Address"), max_length=500)
    apps = forms.ModelMultipleChoiceField(
        App.objects.none(), label=_("Of these apps"), required=False, widget=forms.CheckboxSelectMultiple
    )
    events = forms.MultipleChoiceField(
        label=_("When a deployment is"),
        required=False,
        choices=[(event, _word(event)) for event in outbox.EVENTS],
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, apps: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["apps"].queryset = apps  # type: ignore[attr-defined]
        for name in ("name", "url"):
            self.fields[name].widget.attrs |= {"class": "input", "autocomplete": "off"}
        self.fields["url"].widget.attrs["placeholder"] = "https://"

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if OutgoingHook.objects.filter(name=name).exists():
            raise ValidationError(_("Another webhook is called so."))
        return name

    def clean_url(self) -> str:
        """An address that requests may go to."""
        url = str(self.cleaned_data["url"]).strip()
        if reason := http.why_not_allowed(url):
            raise ValidationError(_WHY_NOT[reason])
        return url

    def keep(self, by: Person) -> OutgoingHook:
        told = self.cleaned_data
        hook = OutgoingHook.objects.create(name=told["name"], url=told["url"], person=by, events=told["events"])
        hook.apps.set(told["apps"])
        return hook


_WHY_NOT = {
    "form": _("That is no address. Write it like https://ops.example.org/in."),
    "plain": _("Use https: what is sent there is about your deployments."),
    "host": _("That address is this machine, or in its own network. Whoever runs Shiproom may allow it."),
}
