"""The page of freezes and weekly windows: who sees, adds and removes what, and what is said beside a wrong field."""

import re
from datetime import UTC, datetime, time, timedelta

import pytest
from django.utils import timezone

from deploy_core.models import AuditEntry, Freeze, Window
from deploy_core.safety import freezes
from tests import factories

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"
ADD_WINDOW, ADD_FREEZE = "/fleet/closings/add/window/", "/fleet/closings/add/freeze/"
WINDOW = {"kind": "deny", "app": "", "environment": "production", "days": ["4"], "opens": "16:00", "closes": "08:00"}
REST = {"time_zone": "Europe/Berlin", "reason": "weekend"}


@pytest.fixture
def shop():
    made = factories.app("shop")
    factories.environment(made, "production", servers=(factories.server("web-1"),))
    return made


def _as(client, person):
    client.force_login(person, backend=BACKEND)
    return client


@pytest.fixture
def manager(client, shop):
    return _as(client, factories.person("dave", role="manager"))


def test_a_window_is_added_listed_with_its_next_opening_and_removed(manager):
    assert manager.post(ADD_WINDOW, WINDOW | REST)["Location"] == "/fleet/closings/"

    window = Window.objects.get()
    assert (window.days, window.opens, window.closes) == ([4], time(16), time(8))
    page = manager.get("/fleet/closings/").content.decode()
    weekly = freezes.weekly(window)
    begins = weekly.opens_next(timezone.now())
    shown = [datetime.fromisoformat(each) for each in re.findall(r'<time datetime="([^"]+)" data-moment', page)]
    assert weekly.open_until(timezone.now()) in shown or begins in shown
    assert "Every app → production" in page
    assert "Friday 16:00–08:00" in page
    manager.post(f"/fleet/closings/windows/{window.pk}/remove/")
    assert not Window.objects.exists()
    assert list(AuditEntry.objects.values_list("action", flat=True)) == ["window.add", "window.remove"]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("days", [], "Choose the days on which it begins."),
        ("opens", "25:00", "That is no time of the day."),
        ("time_zone", "Berlin", "There is no such time zone."),
        ("reason", "", "This field is required."),
        ("environment", "moon", "moon is not one of the available choices"),
    ],
)
def test_a_wrong_window_says_so_beside_the_field(manager, field, value, said):
    refused = manager.post(ADD_WINDOW, WINDOW | REST | {field: value})

    assert refused.status_code == 400
    page = refused.content.decode()
    assert re.search(rf'id="id_{field}_note">(?:(?!</p>).)*{re.escape(said)}', page, re.S), page
    assert not Window.objects.exists()


def test_a_freeze_is_set_by_the_clocks_of_its_zone_and_lifted(manager):
    ends = (timezone.now() + timedelta(days=40)).strftime("%Y-%m-%dT12:00")

    manager.post(
        ADD_FREEZE, {"environment": "production", "ends": ends, "time_zone": "Asia/Shanghai", "reason": "audit"}
    )

    freeze = Freeze.objects.get()
    assert freeze.ends == datetime.fromisoformat(ends).replace(hour=4, tzinfo=UTC)
    assert "audit" in manager.get("/fleet/closings/").content.decode()
    manager.post(f"/fleet/closings/freezes/{freeze.pk}/lift/")
    assert "Nothing is frozen." in manager.get("/fleet/closings/").content.decode()


@pytest.mark.parametrize(
    ("more", "field", "said"),
    [
        ({"ends": "2020-01-01T10:00"}, "ends", "It would be over before it begins."),
        ({"starts": "soon"}, "starts", "That is no time."),
        ({"starts": "2027-03-28T02:30"}, "starts", "leave out"),
        ({"starts": "2027-10-31T02:30"}, "starts", "twice"),
    ],
)
def test_a_wrong_time_of_a_freeze_says_so_beside_the_field(manager, more, field, said):
    refused = manager.post(ADD_FREEZE, {"environment": "*", **REST, **more})

    assert refused.status_code == 400
    assert re.search(rf'id="id_{field}_note">(?:(?!</p>).)*{said}', refused.content.decode(), re.S)
    assert not Freeze.objects.exists()


def test_one_sees_what_covers_ones_own_and_closes_no_more_than_one_may(client, shop):
    other = factories.app("billing")
    bob = factories.person("bob", role="manager", app=shop)
    Window.objects.create(
        app=other, environment="production", days=[0], opens=time(9), closes=time(10), reason="secret"
    )
    mine = Window.objects.create(environment="*", days=[0, 1, 2, 3], opens=time(9), closes=time(10), reason="lunch")
    page = _as(client, bob).get("/fleet/closings/").content.decode()

    assert ("lunch" in page, "secret" in page, "Mon – Thu" in page) == (True, False, True)
    assert "fleet/closings/windows" not in page
    assert client.post(f"/fleet/closings/windows/{mine.pk}/remove/").status_code == 404
    everywhere = client.post(ADD_WINDOW, WINDOW | REST)
    assert (everywhere.status_code, "You do not manage all of that." in everywhere.content.decode()) == (400, True)
    assert client.post(ADD_WINDOW, WINDOW | REST | {"app": shop.pk}).status_code == 302


def test_a_viewer_looks_and_changes_nothing(client, shop):
    freeze = freezes.freeze(shop, "production", by=factories.person("dave", role="manager"), reason="release week")
    carol = _as(client, factories.person("carol", role="viewer", app=shop))

    assert "release week" in carol.get("/fleet/closings/").content.decode()
    for address in (ADD_WINDOW, ADD_FREEZE, "/fleet/closings/add/nothing/"):
        assert carol.get(address).status_code == 404
    assert carol.post(f"/fleet/closings/freezes/{freeze.pk}/lift/").status_code == 404
