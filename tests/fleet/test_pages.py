"""The fleet's pages: what one may see, what one may change, and what is said beside a field that is wrong."""

import pytest
from django.urls import reverse

from deploy_core.models import App, AuditEntry, Credential, Environment, Group, Server
from deploy_core.reach import credentials
from tests import factories
from tests.services import openssh
from tests.signing_in import sign_in

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def alice():
    return factories.person("alice", role="manager")


@pytest.fixture
def reader(client, alice):
    sign_in(client, alice)
    return client


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    """A private key that guards nothing."""
    return openssh.make_key(tmp_path_factory.mktemp("key") / "key").decode()


def _server(**fields):
    return {"name": "web-1", "host": "10.0.0.5", "port": "22", "user": "deploy", "variables": "PORT=8001", **fields}


def _login(**fields):
    return {"name": "deploy", "kind": "key", "pem": "", "passphrase": "", "password": "", **fields}


def test_a_server_is_added_and_changed_and_the_audit_names_only_fields(reader):
    group = Group.objects.create(name="canary")

    added = reader.post("/fleet/add/servers/", _server(groups=[group.pk]))

    assert added["Location"] == "/fleet/servers/web-1/"
    server = Server.objects.get()
    assert (server.host, server.variables, [each.name for each in server.groups.all()]) == (
        "10.0.0.5",
        {"PORT": "8001"},
        ["canary"],
    )
    assert "PORT=8001" in reader.get("/fleet/servers/web-1/").content.decode()
    reader.post("/fleet/servers/web-1/", _server(host="10.0.0.6", variables="SECRET=x"))
    entry = AuditEntry.objects.get(action="server.change")
    assert (entry.actor.username, entry.params) == ("alice", {"changed": ["groups", "host", "variables"]})


@pytest.mark.parametrize(
    "host", ["-oProxyCommand=x", "host;id", "a b", "[::1%eth0]x", "::1%eth0", "ssh://web", "a..b", ""]
)
def test_a_host_that_a_program_could_take_for_something_else_is_refused_beside_its_field(reader, host):
    refused = reader.post("/fleet/add/servers/", _server(host=host))

    assert refused.status_code == 400
    assert 'id="id_host_note"' in refused.content.decode()
    assert not Server.objects.exists()


@pytest.mark.parametrize("host", ["web-1.example.org", "10.0.0.5", "2001:db8::5", "[2001:db8::5]", "web_1"])
def test_names_and_addresses_are_hosts(reader, host):
    assert reader.post("/fleet/add/servers/", _server(host=host)).status_code == 302


@pytest.mark.parametrize(("field", "value"), [("user", "-l root"), ("port", "0"), ("port", "70000"), ("name", "Web 1")])
def test_other_fields_say_what_is_wrong_too(reader, field, value):
    refused = reader.post("/fleet/add/servers/", _server(**{field: value}))

    assert refused.status_code == 400
    assert f'id="id_{field}_note"' in refused.content.decode()


def test_a_name_that_is_taken_comes_with_free_ones(reader):
    factories.server("web-1")

    refused = reader.post("/fleet/add/servers/", _server()).content.decode()

    assert "web-1 is another server already. Free: web-2, web-3." in refused


def test_jump_hosts_do_not_lead_in_a_circle(reader):
    first = factories.server("bastion")
    second = factories.server("web-1", jump=first)

    refused = reader.post("/fleet/servers/bastion/", _server(name="bastion", jump=second.pk))

    assert refused.status_code == 400
    assert "circle" in refused.content.decode()


def test_a_key_is_sealed_and_never_shown_again(reader, pem):
    reader.post("/fleet/add/credentials/", _login(pem=pem.replace("\n", "\r\n")))

    kept = Credential.objects.get()
    secret = pem.splitlines()[1]
    assert credentials.login(kept).pem == pem.encode()
    assert kept.fingerprint.startswith("SHA256:")
    for address in ("/fleet/credentials/", "/fleet/credentials/deploy/"):
        assert secret not in reader.get(address).content.decode()
    reader.post("/fleet/credentials/deploy/", _login(name="deploy-2"))
    kept.refresh_from_db()
    assert (kept.name, credentials.login(kept).pem) == ("deploy-2", pem.encode())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Paste a private key."),
        ("ssh-ed25519 AAAAC3Nza-canary bob", "public half"),
        ("PuTTY-User-Key-File-3: canary", "PuTTY"),
        ("canary" * 180_000, "too long"),
        ("canary", "no private key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\ncanary\n-----END OPENSSH PRIVATE KEY-----", "damaged"),
    ],
)
def test_what_is_no_private_key_is_refused_with_the_reason_and_not_echoed(reader, text, said):
    refused = reader.post("/fleet/add/credentials/", _login(pem=text, passphrase="canary"))

    assert refused.status_code == 400
    assert said in refused.content.decode()
    assert "canary" not in refused.content.decode()
    assert not Credential.objects.exists()


def test_a_password_is_sealed_and_replaced_only_by_a_new_one(reader):
    assert reader.post("/fleet/add/credentials/", _login(kind="password")).status_code == 400
    reader.post("/fleet/add/credentials/", _login(kind="password", password=" canary p "))
    reader.post("/fleet/credentials/deploy/", _login(kind="password"))

    kept = Credential.objects.get()
    assert credentials.login(kept).password == " canary p "
    assert "canary" not in reader.get("/fleet/credentials/deploy/").content.decode()


@pytest.mark.parametrize(
    "address",
    ["ext::sh -c id", "--upload-pack=x", "https://u:p@git.example/a.git", "https://127.0.0.1/a.git", "file:///srv/a"],
)
def test_an_app_has_an_address_that_git_may_be_given(reader, address):
    refused = reader.post("/fleet/add/apps/", {"name": "shop", "repository": address, "default_ref": "main"})

    assert refused.status_code == 400
    assert 'id="id_repository_note"' in refused.content.decode()
    assert not App.objects.exists()


def test_an_apps_name_is_no_command_and_its_pipeline_can_be_read(reader):
    told = {"repository": "https://git.example/a.git", "default_ref": "main"}

    assert "is a command" in reader.post("/fleet/add/apps/", {"name": "deploy", **told}).content.decode()
    refused = reader.post("/fleet/add/apps/", {"name": "shop", "pipeline": "biuld: {}", **told})
    assert (refused.status_code, "biuld" in refused.content.decode()) == (400, True)
    assert reader.post("/fleet/add/apps/", {"name": "shop", **told})["Location"] == "/fleet/apps/shop/"


def _environment(*servers, initial=0, **fields):
    rows = {}
    for number, each in enumerate(servers):
        rows |= {f"on-{number}-{name}": value for name, value in each.items()}
    told = {"name": "staging", "path": "/srv/shop", "approvals_needed": 0, "batch_size": 0, "verify_minutes": 0}
    counts = {"on-TOTAL_FORMS": len(servers), "on-INITIAL_FORMS": initial}
    return {**told, **counts, **rows, **fields}


def test_an_environment_is_placed_on_servers_in_order(reader):
    factories.app("shop")
    one, two = factories.server("web-1"), factories.server("web-2")

    added = reader.post(
        "/fleet/add/environment/shop/",
        _environment({"position": 2, "server": one.pk, "variables": "PORT=1"}, {"position": 1, "server": two.pk}),
    )

    assert added["Location"] == "/fleet/environments/shop/staging/"
    environment = Environment.objects.get()
    placed = list(environment.placements.values_list("server__name", "variables"))
    assert placed == [("web-2", {}), ("web-1", {"PORT": "1"})]
    (first, second) = environment.placements.all()
    reader.post(
        "/fleet/environments/shop/staging/",
        _environment(
            {"id": first.pk, "position": 1, "server": two.pk, "DELETE": "on"},
            {"id": second.pk, "position": 2, "server": one.pk},
            initial=2,
            is_protected="on",
        ),
    )
    environment.refresh_from_db()
    assert [each.server.name for each in environment.placements.all()] == ["web-1"]
    assert environment.is_protected


def test_where_commands_are_typed_and_which_pushes_count_is_chosen_there(reader, alice):
    shop = factories.app("shop")
    factories.room("deploys", members=(alice,))
    factories.room("hideout", is_closed=True)
    Environment.objects.create(app=shop, name="staging", path="/srv/shop", command_rooms=["hideout"])
    page = "/fleet/environments/shop/staging/"

    refused = reader.post(page, _environment(command_rooms="hideout"))
    wrong = reader.post(page, _environment(followed_branch="a..b"))
    saved = reader.post(page, _environment(command_rooms="deploys", followed_branch="main"))

    assert (refused.status_code, wrong.status_code, saved.status_code) == (400, 400, 302)
    environment = Environment.objects.get()
    assert (environment.command_rooms, environment.followed_branch) == (["deploys", "hideout"], "main")
    assert "hideout" not in reader.get(page).content.decode()


@pytest.mark.parametrize("path", ["/", "../x", "/srv/../etc", ""])
def test_releases_need_a_folder_of_their_own(reader, path):
    factories.app("shop")

    refused = reader.post("/fleet/add/environment/shop/", _environment(path=path))

    assert (refused.status_code, 'id="id_path_note"' in refused.content.decode()) == (400, True)


def test_lists_are_searched(reader):
    Group.objects.create(name="canary").servers.add(factories.server("web-2"))
    factories.server("db-1", host="10.0.0.9")

    found = reader.get("/fleet/servers/?find=canary").content.decode()

    assert ("web-2" in found, "db-1" in found) == (True, False)
    assert "db-1" in reader.get("/fleet/servers/?find=10.0.0.9").content.decode()
    assert "&lt;b&gt;" in reader.get("/fleet/servers/?find=<b>").content.decode()


def test_who_may_only_view_sees_forms_that_do_not_save(client):
    carol = factories.person("carol", role="viewer")
    server = factories.server("web-1")
    factories.environment(factories.app("shop"), "staging", servers=(server,))
    other = factories.app("billing")
    client.force_login(carol, backend=BACKEND)
    carol.grants.update(app=App.objects.get(name="shop"))

    assert "web-1" in client.get("/fleet/servers/").content.decode()
    assert "Save" not in client.get("/fleet/servers/web-1/").content.decode()
    for address in ("/fleet/servers/web-1/", "/fleet/apps/shop/", "/fleet/environments/shop/staging/"):
        assert client.get(address).status_code == 200
        assert client.post(address, _server(host="10.9.9.9")).status_code == 404
    for address in (
        f"/fleet/apps/{other.name}/",
        "/fleet/credentials/",
        "/fleet/add/servers/",
        "/fleet/add/credentials/",
        "/fleet/add/environment/shop/",
        "/fleet/remove/servers/web-1/",
    ):
        assert client.get(address).status_code == 404, address


def test_who_manages_one_app_changes_it_and_no_server(client):
    shop, other = factories.app("shop"), factories.app("billing")
    bob = factories.person("bob", role="manager", app=shop)
    factories.server("web-1")
    client.force_login(bob, backend=BACKEND)

    told = {"repository": "https://git.example/b.git", "default_ref": "main"}
    assert client.post("/fleet/apps/shop/", told).status_code == 302
    assert client.get("/fleet/add/environment/shop/").status_code == 200
    assert client.get(f"/fleet/apps/{other.name}/").status_code == 404
    assert client.get("/fleet/servers/web-1/").status_code == 404
    assert client.get("/fleet/add/apps/").status_code == 404


def test_an_app_goes_only_on_servers_that_its_manager_manages_something_on(client):
    """Whoever deploys to a server runs commands there: to see it is not enough."""
    shop, billing = factories.app("shop"), factories.app("billing")
    mine, theirs = factories.server("web-1"), factories.server("pay-1")
    factories.environment(shop, "production", servers=(mine,))
    factories.environment(billing, "production", servers=(theirs,))
    bob = factories.person("bob", role="manager", app=shop)
    factories.grant(bob, "viewer", app=billing)
    client.force_login(bob, backend=BACKEND)

    refused = client.post("/fleet/add/environment/shop/", _environment({"position": 1, "server": theirs.pk}))
    added = client.post("/fleet/add/environment/shop/", _environment({"position": 1, "server": mine.pk}, path="x"))

    assert (refused.status_code, added.status_code) == (400, 302)
    assert not shop.environments.filter(placements__server=theirs).exists()


@pytest.mark.parametrize("path", ["/srv/shop", "/srv", "/srv/shop/releases/"])
def test_no_two_environments_share_a_folder_on_a_server(reader, path):
    server = factories.server("web-1")
    Environment.objects.filter(pk=factories.environment(factories.app("shop"), "qa", servers=(server,)).pk).update(
        path="/srv/shop"
    )
    factories.app("billing")

    refused = reader.post(
        "/fleet/add/environment/billing/", _environment({"position": 1, "server": server.pk}, path=path)
    )

    assert refused.status_code == 400
    assert "shop/qa has that folder there." in refused.content.decode()


def test_what_is_needed_stays_and_the_page_says_by_what(reader):
    server = factories.server("web-1")
    factories.environment(factories.app("shop"), "staging", servers=(server,))

    refused = reader.post("/fleet/remove/servers/web-1/")

    assert refused.status_code == 409
    assert "shop/staging" in refused.content.decode()
    reader.post("/fleet/remove/environment/shop/staging/")
    assert reader.post("/fleet/remove/servers/web-1/")["Location"] == reverse("fleet-list", args=["servers"])
    assert not Server.objects.exists()
    assert list(AuditEntry.objects.values_list("action", flat=True)) == ["environment.remove", "server.remove"]


@pytest.mark.parametrize("key", ["servers", "apps", "groups", "credentials"])
def test_every_list_and_empty_form_can_be_drawn(reader, key):
    assert reader.get(f"/fleet/{key}/").status_code == 200
    assert reader.get(f"/fleet/add/{key}/").status_code == 200
    assert reader.post(f"/fleet/add/{key}/", {}).status_code == 400
    assert reader.get("/fleet/nothing/").status_code == 404


def test_who_signed_in_long_ago_proves_anew_who_they_are_before_a_login_is_typed(client, alice):
    client.force_login(alice, backend=BACKEND)
    Credential.objects.create(name="deploy", kind="agent")

    for at in ("/fleet/add/credentials/", "/fleet/credentials/deploy/"):
        assert client.get(at)["Location"].startswith("/accounts/again/")
        assert client.post(at, _login(kind="password", password="hunter2hunter2"))["Location"] == at
    assert "hunter2" not in str(client.session.items())
    assert Credential.objects.get().kind == "agent"
    assert client.get("/fleet/credentials/").status_code == 200
    assert client.get("/fleet/add/servers/").status_code == 200
