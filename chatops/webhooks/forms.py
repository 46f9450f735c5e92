"""The forms of webhooks, one for each way."""

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chatops.templatetags.looks import STATUSES
from chatops.webhooks import outbox
from chatops.webhooks.models import IncomingHook, OutgoingHook
from deploy_core.models import App, Person
from deploy_core.models.fleet import NAME
from deploy_core.reach import http
from deploy_core.safety import access


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
    """A new address that is told what happens to what its keeper `by` may view.

    A button that is pressed twice sends this twice, and a browser shows the second answer: `made` is then the hook of
    the first one.
    """

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

    def __init__(self, *args: Any, by: Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by
        self.made: OutgoingHook | None = None
        self.fields["apps"].queryset = access.visible_apps(by)  # type: ignore[attr-defined]
        for name in ("name", "url"):
            self.fields[name].widget.attrs |= {"class": "input", "autocomplete": "off"}
        self.fields["url"].widget.attrs["placeholder"] = "https://"

    def clean_url(self) -> str:
        """An address that requests may go to."""
        url = str(self.cleaned_data["url"]).strip()
        if reason := http.why_not_allowed(url):
            raise ValidationError(_WHY_NOT[reason])
        return url

    def clean(self) -> None:
        """The name is free, and `by` does not keep too many."""
        found = OutgoingHook.objects.filter(name=self.cleaned_data.get("name")).first()
        if found and not self.errors and self._is_the_same_press(found):
            self.made = found
        elif found:
            self.add_error("name", _("Another webhook is called so."))
        elif OutgoingHook.objects.filter(person=self.by).count() >= settings.HOOKS_PER_PERSON:
            most = {"most": settings.HOOKS_PER_PERSON}
            self.add_error("name", ValidationError(_("You keep %(most)s already: remove one first."), params=most))

    def _is_the_same_press(self, hook: OutgoingHook) -> bool:
        told, just_now = self.cleaned_data, timezone.now() - timedelta(seconds=settings.PRESSED_TWICE_S)
        is_mine = hook.person_id == self.by.pk and hook.created > just_now
        is_same = hook.url == told["url"] and hook.events == told["events"]
        return is_mine and is_same and set(hook.apps.all()) == set(told["apps"])

    def keep(self) -> OutgoingHook:
        """The new hook.

        Raises:
            IntegrityError: another one of that name was made at the same time.
        """
        told = self.cleaned_data
        hook = OutgoingHook.objects.create(name=told["name"], url=told["url"], person=self.by, events=told["events"])
        hook.apps.set(told["apps"])
        return hook


_WHY_NOT = {
    "form": _("That is no address. Write it like https://ops.example.org/in."),
    "plain": _("Use https: what is sent there is about your deployments."),
    "host": _("That address is this machine, or in its own network. Whoever runs Shiproom may allow it."),
}
