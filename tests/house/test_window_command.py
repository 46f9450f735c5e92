"""`manage.py window`: the hours of the week in which nothing is deployed."""

import pytest
from django.core.management import CommandError, call_command

from deploy_core.models import AuditEntry, Window
from deploy_core.safety import freezes
from tests import factories

pytestmark = pytest.mark.django_db

OFFICE = "add allow production --app shop --days mon-thu --from 09:00 --until 17:00"
WEEKEND = "add deny production --days sat,sun --zone Europe/Berlin --reason weekend"


def test_a_window_is_added_listed_and_removed(capsys):
    factories.app("shop")
    call_command("window", *WEEKEND.split())
    call_command("window", *OFFICE.split())
    first, second = Window.objects.order_by("pk")
    capsys.readouterr()

    call_command("window", "list")

    assert capsys.readouterr().out.splitlines() == [
        f"{first.pk}: deny */production sat,sun 00:00-00:00 Europe/Berlin weekend",
        f"{second.pk}: allow shop/production mon,tue,wed,thu 09:00-17:00 UTC",
    ]
    call_command("window", "remove", str(first.pk))
    assert Window.objects.get() == second
    assert AuditEntry.objects.filter(action__startswith="window.").count() == 3


def test_what_it_keeps_is_what_closes_an_environment():
    from datetime import UTC, datetime

    call_command("window", *WEEKEND.split())

    saturday = datetime(2026, 11, 28, 12, tzinfo=UTC)
    assert freezes.closed("shop", "production", saturday).reason == "weekend"
    assert freezes.closed("shop", "staging", saturday) is None
    assert freezes.closed("shop", "production", datetime(2026, 11, 30, 12, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    "words",
    [
        "add deny production --days fry",
        "add deny production --days mon --from 25:00",
        "add deny production --days mon --zone Mars/Olympus",
        "add deny production --days mon --app nothing",
        "remove 99",
    ],
)
def test_what_is_no_window_is_refused(words):
    with pytest.raises(CommandError):
        call_command("window", *words.split())
    assert not Window.objects.exists()
