"""What narrows the list of deployments: an app, an environment, a status, a person; each a field of a form."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chatops.templatetags.looks import STATUSES
from deploy_core.models import Deployment
from deploy_core.rules.status import Status

#: The field of the form, and the rows' column that it is about.
COLUMNS = {
    "app": "app__name",
    "environment": "environment__name",
    "status": "status",
    "by": "requested_by__username",
}
_LABELS: dict[str, Promise] = {
    "app": _("App"),
    "environment": _("Environment"),
    "status": _("Status"),
    "by": _("Person"),
}
WORD_LIMIT = 150


class Choice(NamedTuple):
    """A field of the form: `options` are `(value, word, is chosen)`."""

    name: str
    label: Promise
    options: list[tuple[str, Any, bool]]


def chosen(given: Mapping[str, Any]) -> dict[str, str]:
    """What the address says, without what says nothing."""
    found = {name: str(given.get(name, "")).strip()[:WORD_LIMIT] for name in COLUMNS}
    return {name: value for name, value in found.items() if value and "\0" not in value}


def narrowed(deployments: QuerySet[Deployment], wanted: Mapping[str, str]) -> QuerySet[Deployment]:
    """Those that are all of it."""
    return deployments.filter(**{COLUMNS[name]: value for name, value in wanted.items()})


def choices(deployments: QuerySet[Deployment], wanted: Mapping[str, str]) -> list[Choice]:
    """What there is to choose from among `deployments`; what was chosen stays among it."""
    found = []
    for name, column in COLUMNS.items():
        values = set(deployments.order_by().values_list(column, flat=True).distinct()) | {wanted.get(name, "")} - {""}
        ordered = [each for each in Status if each in values] if name == "status" else sorted(values)
        options = [(str(value), _word(name, str(value)), str(value) == wanted.get(name)) for value in ordered]
        found.append(Choice(name, _LABELS[name], options))
    return found


def _word(name: str, value: str) -> Any:
    return STATUSES[value].word if name == "status" and value in STATUSES else value
