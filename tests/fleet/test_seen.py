"""Two people look at the same fleet: each reads the names that are theirs to see, and no others."""

import pytest

from deploy_core.models import Errand
from deploy_core.run import errands
from tests import factories

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"

#: What carol, who views the shop alone, must read nowhere.
HIDDEN = ("bastion", "pay-1", "pci-zone", "vault-key", "billing", "srv/billing")
PAGES = (
    "/fleet/servers/",
    "/fleet/servers/web-1/",
    "/fleet/apps/",
    "/fleet/apps/shop/",
    "/fleet/groups/",
    "/fleet/groups/canary/",
    "/fleet/environments/shop/staging/",
)


@pytest.fixture
def shop():
    """A shop on web-1, which carries billing too: behind a jump host, with a login, in a group with a hidden server."""
    bastion, hidden = factories.server("bastion"), factories.server("pay-1")
    web = factories.server("web-1", jump=bastion, credential=factories.credential("vault-key"))
    factories.group("canary", web, hidden)
    factories.group("pci-zone", hidden)
    made = factories.app("shop")
    factories.environment(made, "staging", servers=(web,))
    factories.environment(factories.app("billing"), "production", servers=(web, hidden))
    result = {
        "state": "ok", "code": "", "params": {}, "host": web.host, "port": web.port, "answer_ms": 3, "shell_ms": 5,
        "key": "", "fingerprint": "SHA256:x", "expected": "", "tools": {}, "lacks": [],
        "places": [{"path": "srv/billing/production", "free_kb": 10, "writable": True}],
    }  # fmt: skip
    Errand.objects.create(
        kind=errands.TEST,
        client_id="test:1",
        person=factories.person("alice", role="manager"),
        params={"server": web.pk},
        status=errands.DONE,
        result=result,
    )
    return made


@pytest.mark.parametrize("address", PAGES)
def test_who_views_one_app_reads_no_name_of_what_is_hidden(client, shop, address):
    client.force_login(factories.person("carol", role="viewer", app=shop), backend=BACKEND)

    page = client.get(address)

    assert page.status_code == 200
    assert [name for name in HIDDEN if name in page.content.decode()] == []


def test_who_manages_everything_reads_them_all(client, shop):
    client.force_login(factories.person("dave", role="manager"), backend=BACKEND)

    pages = "".join(client.get(address).content.decode() for address in PAGES)

    assert [name for name in HIDDEN if name not in pages] == []


def test_a_page_says_that_there_is_what_it_may_not_name(client, shop):
    client.force_login(factories.person("carol", role="viewer", app=shop), backend=BACKEND)

    page = client.get("/fleet/servers/web-1/").content.decode()

    assert page.count("One that is not yours to see") == 2


def test_a_search_finds_nothing_by_a_hidden_name(client, shop):
    client.force_login(factories.person("carol", role="viewer", app=shop), backend=BACKEND)

    assert "canary" in client.get("/fleet/groups/?find=web").content.decode()
    assert "canary" not in client.get("/fleet/groups/?find=pay").content.decode()


def test_a_folder_that_is_taken_does_not_name_by_whom_if_that_is_hidden(client, shop):
    client.force_login(factories.person("bob", role="manager", app=shop), backend=BACKEND)
    web = shop.environments.get().servers.get()
    told = {"name": "qa", "path": "srv/billing/production", "approvals_needed": 0, "batch_size": 0, "verify_minutes": 0}
    rows = {"on-TOTAL_FORMS": 1, "on-INITIAL_FORMS": 0, "on-0-position": 1, "on-0-server": web.pk}

    refused = client.post("/fleet/add/environment/shop/", told | rows)

    assert refused.status_code == 400
    assert "Another environment has that folder there." in refused.content.decode()
