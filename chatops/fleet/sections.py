"""The kinds of things that the fleet's pages list and edit, each told once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
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
    """`key` is its word in addresses; `visible` gives what a person may see, `finds` what their search means.

    `joins`: what is shown along with each, for `prefetch_related`; of that, too, only what the person may see.
    """

    key: str
    noun: str
    title: Promise
    add: Promise
    save: Promise
    form: type[FleetForm]
    visible: Callable[[Person], QuerySet[Any]]
    finds: Callable[[Person, str], Q]
    joins: Callable[[Person], tuple[Any, ...]]
    keeps_secrets: bool = False

    def rows(self, person: Person, search: str = "") -> QuerySet[Any]:
        """What `person` sees of it, narrowed to `search`."""
        found = self.visible(person)
        if search:
            found = found.filter(self.finds(person, search)).distinct()
        return found.prefetch_related(*self.joins(person))

    def may_change(self, person: Person, name: str = "") -> bool:
        """Whether `person` may add one, or change the one called `name`."""
        if self.key == "apps" and name:
            return access.manages(person, name)
        return access.manages_all(person)


def _on_servers(reader: Person, text: str) -> Q:
    """Found by a server's name, if the reader may see that server."""
    return Q(servers__in=access.servers(reader).filter(name__icontains=text))


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
            lambda _reader, text: Q(name__icontains=text) | Q(host__icontains=text) | Q(groups__name__icontains=text),
            lambda reader: ("groups", Prefetch("environments", access.environments(reader)), "credential"),
        ),
        Section(
            "apps",
            "app",
            _("Apps"),
            _("Add app"),
            _("Save app"),
            AppForm,
            access.apps,
            lambda _reader, text: Q(name__icontains=text) | Q(repository__icontains=text),
            lambda reader: (Prefetch("environments", access.environments(reader)),),
        ),
        Section(
            "groups",
            "group",
            _("Groups"),
            _("Add group"),
            _("Save group"),
            GroupForm,
            access.groups,
            lambda reader, text: Q(name__icontains=text) | _on_servers(reader, text),
            lambda reader: (Prefetch("servers", access.servers(reader)),),
        ),
        Section(
            "credentials",
            "credential",
            _("Logins"),
            _("Add login"),
            _("Save login"),
            CredentialForm,
            access.credentials,
            lambda reader, text: Q(name__icontains=text) | _on_servers(reader, text),
            lambda reader: (Prefetch("servers", access.servers(reader)),),
            keeps_secrets=True,
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
