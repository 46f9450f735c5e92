"""Two people who add the same thing at the same moment."""

import pytest

from chatops.fleet.forms import FleetForm
from deploy_core.models import App
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("page", "fields", "be_quicker"),
    [
        (
            "/fleet/add/servers/",
            {"name": "web-1", "host": "10.0.0.5", "port": "22", "user": "deploy"},
            lambda: factories.server("web-1"),
        ),
        (
            "/fleet/add/environment/shop/",
            {"name": "staging", "path": "/srv/shop", "approvals_needed": 0, "batch_size": 0, "verify_minutes": 0}
            | {"on-TOTAL_FORMS": 0, "on-INITIAL_FORMS": 0},
            lambda: factories.environment(App.objects.get(), "staging", servers=()),
        ),
    ],
    ids=["server", "environment"],
)
def test_of_two_who_add_the_same_at_once_the_slower_one_is_told(client, monkeypatch, page, fields, be_quicker):
    factories.app("shop")
    client.force_login(factories.person("alice", role="manager"), backend="django.contrib.auth.backends.ModelBackend")
    seen = []

    def unique_name(form, others, message):
        """As if the other one came between the look and the writing."""
        if not seen:
            seen.append(form)
            be_quicker()
            return form.cleaned_data["name"]
        return real(form, others, message)

    real = FleetForm.unique_name
    monkeypatch.setattr(FleetForm, "unique_name", unique_name)
    monkeypatch.setattr(FleetForm, "validate_unique", lambda form: None)

    answer = client.post(page, fields)

    assert answer.status_code == 400
    assert " already. Free: " in answer.content.decode()
