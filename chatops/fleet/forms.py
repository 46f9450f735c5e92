"""Forms of servers and groups: each field's mistake is told beside it."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chatops.fleet import access
from chatops.fleet.fields import NotedField, Variables
from deploy_core.models import Group, Person, Server
from deploy_core.rules import machines

NAME_SHAPE = _("Lower-case letters, digits, dot, dash and underscore, beginning with a letter or digit.")
NOT_YOURS = _("One that is not yours to see")
NAME_STAYS = _("It stays: locks, freezes and what people type use it.")

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm


class Part(NamedTuple):
    """A section of a form: rows of one or two fields, with a title and a sentence beside them."""

    title: Promise | str
    about: Promise | str
    rows: list[list[BoundField]]


class FleetForm(ModelForm):
    """`parts` says how it is laid out; `reader` is who looks, `is_open` whether they may change it."""

    bound_field_class = NotedField
    parts: ClassVar[tuple[tuple[Promise | str, Promise | str, tuple[str | tuple[str, str], ...]], ...]] = ()
    codes: ClassVar[frozenset[str]] = frozenset()
    name_shape: ClassVar[Any] = NAME_SHAPE

    def __init__(self, *args: Any, reader: Person, is_open: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reader = reader
        self.is_open = is_open
        for name, field in self.fields.items():
            field.disabled = field.disabled or not is_open
            if isinstance(field.widget, forms.CheckboxInput | forms.CheckboxSelectMultiple | forms.RadioSelect):
                continue
            field.widget.attrs |= {"class": "input input--code" if name in self.codes else "input"}
            field.widget.attrs.setdefault("autocomplete", "off")
        if "name" in self.fields:
            self.fields["name"].error_messages["invalid"] = self.name_shape
            self.fields["name"].validators = [_say(self.name_shape, each) for each in self.fields["name"].validators]

    def sections(self) -> Iterator[Part]:
        """The form, part by part, for the template."""
        for title, about, rows in self.parts:
            yield Part(title, about, [[self[name] for name in _names(row)] for row in rows])

    def wrong(self) -> list[BoundField]:
        """The fields that need a person, in the order of the page."""
        return [
            self[name]
            for _title, _about, rows in self.parts
            for row in rows
            for name in _names(row)
            if self[name].errors
        ]

    def keep_name(self) -> None:
        """A name that others use is given once."""
        if self.instance.pk:
            self.fields["name"].disabled = True
            self.fields["name"].help_text = NAME_STAYS

    def unique_name(self, others: Iterable[str], message: Any) -> str:
        """The name that was typed.

        Raises:
            ValidationError: `message`, with free ones like it.
        """
        name = str(self.cleaned_data["name"])
        taken = set(others)
        if name in taken:
            free = machines.free_names(taken, name)
            raise ValidationError(message, params={"name": name, "free": ", ".join(free)})
        return name


def _say(message: Any, validator: Any) -> Any:
    def validate(value: Any) -> None:
        try:
            validator(value)
        except ValidationError as error:
            raise ValidationError(message) from error

    return validate


def _names(row: str | tuple[str, str]) -> tuple[str, ...]:
    return (row,) if isinstance(row, str) else row


def others(form: ModelForm, rows: Any) -> list[str]:
    """The names of the other rows."""
    return list(rows.exclude(pk=form.instance.pk).values_list("name", flat=True))


class ServerForm(FleetForm):
    """A machine. Its host key is not here: a person confirms it after a test (`chatops.fleet.contact`)."""

    groups = forms.ModelMultipleChoiceField(
        Group.objects.order_by("name"), required=False, widget=forms.CheckboxSelectMultiple, label=_("Groups")
    )
    variables = Variables(label=_("Variables"), help_text=_("One NAME=value a line, for every app on this server."))

    codes = frozenset({"host", "port", "user", "variables"})
    parts = (
        (_("Machine"), _("How people and logs call it, and where it lives."), ("name", ("host", "port"), "groups")),
        (
            _("Access"),
            _("Keys are sealed. Nobody can read them back, here or in a log."),
            (("user", "credential"), "jump"),
        ),
        (_("Use"), "", ("variables",)),
    )

    class Meta:
        model = Server
        fields = ("name", "host", "port", "user", "credential", "jump", "variables")
        labels = {
            "name": _("Name"),
            "host": _("Host"),
            "port": _("Port"),
            "user": _("User"),
            "credential": _("Login"),
            "jump": _("Jump host"),
        }
        help_texts = {
            "host": _("A name or an address, without a scheme."),
            "port": _("Usually 22."),
            "jump": _("The server through which it is reached, if not directly."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        server = self.instance
        through: Any = self.fields["jump"]
        login: Any = self.fields["credential"]
        through.queryset = access.servers(self.reader).exclude(pk=server.pk)
        through.empty_label = _("None")
        login.queryset = access.credentials(self.reader)
        login.empty_label = _("Keys of the SSH agent")
        if not self.is_open:
            # What is not the reader's to see is said to be there, not what it is called.
            if server.jump_id and not through.queryset.filter(pk=server.jump_id).exists():
                through.empty_label = NOT_YOURS
            if server.credential_id and not login.queryset.filter(pk=server.credential_id).exists():
                login.empty_label = NOT_YOURS
            self.fields["groups"].queryset = server.groups.order_by("name")  # type: ignore[attr-defined]
        if server.pk:
            self.fields["groups"].initial = server.groups.all()

    def clean_name(self) -> str:
        """Another server's name is refused with free ones like it."""
        message = _("%(name)s is another server already. Free: %(free)s.")
        return self.unique_name(others(self, Server.objects), message)

    def clean_host(self) -> str:
        """A name or an address, nothing that a program could take for an option."""
        host = str(self.cleaned_data["host"]).strip()
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        if not machines.is_host(host):
            raise ValidationError(_("That is no host name or address. Write it like web-1.example.org or 10.0.0.5."))
        return host

    def clean_port(self) -> int:
        port = int(self.cleaned_data["port"])
        if not 1 <= port <= 65535:
            raise ValidationError(_("A port is a number from 1 to 65535."))
        return port

    def clean_user(self) -> str:
        user = str(self.cleaned_data["user"]).strip()
        if not machines.is_user(user):
            raise ValidationError(_("That is no login name: letters, digits, dot, dash and underscore."))
        return user

    def clean_jump(self) -> Server | None:
        """A way through servers that ends."""
        jump: Server | None = self.cleaned_data["jump"]
        seen = {self.instance.pk}
        step = jump
        while step is not None:
            if step.pk in seen:
                raise ValidationError(
                    _("That leads in a circle: %(name)s is reached through this server."), params={"name": jump}
                )
            seen.add(step.pk)
            step = step.jump
        return jump

    def save(self, commit: bool = True) -> Server:
        server: Server = super().save(commit)
        server.groups.set(self.cleaned_data["groups"])
        return server


class GroupForm(FleetForm):
    """A set of servers that is named in one word."""

    codes = frozenset()
    parts = (("", "", ("name", "servers")),)

    class Meta:
        model = Group
        fields = ("name", "servers")
        labels = {"name": _("Name"), "servers": _("Servers")}
        help_texts = {"name": _("A command names all of them by it: on canary.")}
        widgets = {"servers": forms.CheckboxSelectMultiple}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["servers"].queryset = access.servers(self.reader)  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        message = _("%(name)s is another group already. Free: %(free)s.")
        return self.unique_name(others(self, Group.objects), message)
