"""The kinds of things that the fleet's pages list and edit, each told once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chatops.fleet import access
from chatops.fleet.app_forms import AppForm
from chatops.fleet.credential_form import CredentialForm
from chatops.fleet.forms import FleetForm, GroupForm, ServerForm
from deploy_core.models import Person


@dataclass(frozen=True)
class Section:
    """`key` is its word in addresses; `visible` gives what a person may see, `finds` what a search means."""

    key: str
    noun: str
    title: Promise
    add: Promise
    save: Promise
    form: type[FleetForm]
    visible: Callable[[Person], QuerySet[Any]]
    finds: Callable[[str], Q]
    joins: tuple[str, ...] = ()

    def rows(self, person: Person, search: str = "") -> QuerySet[Any]:
        """What `person` sees of it, narrowed to `search`."""
        found = self.visible(person)
        if search:
            found = found.filter(self.finds(search)).distinct()
        return found.prefetch_related(*self.joins)

    def may_change(self, person: Person, name: str = "") -> bool:
        """Whether `person` may add one, or change the one called `name`."""
        if self.key == "apps" and name:
            return access.manages(person, name)
        return access.manages_all(person)


SECTIONS = {
    section.key: section
    for section in (
        Section(
            "servers",
            "server",
            _("Servers"),
            _("Add server"),
            _("Save server"),
            ServerForm,
            access.servers,
            lambda text: Q(name__icontains=text) | Q(host__icontains=text) | Q(groups__name__icontains=text),
            ("groups", "environments__app", "credential"),
        ),
        Section(
            "apps",
            "app",
            _("Apps"),
            _("Add app"),
            _("Save app"),
            AppForm,
            access.apps,
            lambda text: Q(name__icontains=text) | Q(repository__icontains=text),
            ("environments__servers",),
        ),
        Section(
            "groups",
            "group",
            _("Groups"),
            _("Add group"),
            _("Save group"),
            GroupForm,
            access.groups,
            lambda text: Q(name__icontains=text) | Q(servers__name__icontains=text),
            ("servers",),
        ),
        Section(
            "credentials",
            "credential",
            _("Logins"),
            _("Add login"),
            _("Save login"),
            CredentialForm,
            access.credentials,
            lambda text: Q(name__icontains=text) | Q(servers__name__icontains=text),
            ("servers",),
        ),
    )
}


def named(key: str) -> Section:
    """
    Raises:
        Http404: there is no such section.
    """
    if key not in SECTIONS:
        raise Http404
    return SECTIONS[key]


def of(person: Person) -> list[Section]:
    """The sections that have something to say to `person`."""
    return [section for section in SECTIONS.values() if section.key != "credentials" or access.manages_all(person)]
