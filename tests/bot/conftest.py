"""What tests of the bot share: the names of the cases, and a small fleet of rows."""

import gettext
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.utils.translation import trans_real

from bot import context_file, handle
from bot.invocation import Invocation
from deploy_core.models import Alias, KnownCommit, KnownRef
from tests import factories

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "tests" / "cases"
PO = ROOT / "bot" / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"


@pytest.fixture(scope="session")
def context():
    return context_file.read((CASES / "phrases_context.json").read_text())


@pytest.fixture(scope="session", autouse=True)
def _compiled_phrases():
    """The Chinese catalogue as set-up compiles it, also where only the tests are run."""
    compiled = PO.with_suffix(".mo")
    if not compiled.exists() or compiled.stat().st_mtime < PO.stat().st_mtime:
        with PO.open("rb") as source, compiled.open("wb") as target:
            write_mo(target, read_po(source))
        gettext._translations.clear()
        trans_real._translations.clear()


@pytest.fixture
def servers(db):
    return tuple(factories.server(f"web-{n}") for n in (1, 2, 3))


@pytest.fixture
def shop(servers):
    """An app with staging and production (also called prod) on three servers."""
    made = factories.app("shop", repository="https://git.example/acme-inc/shop.git", default_ref="main")
    factories.environment(made, "staging", servers=servers, position=0)
    factories.environment(made, "production", servers=servers, position=1)
    Alias.objects.create(kind="environment", word="prod", name="production")
    return made


@pytest.fixture
def staging(shop):
    return shop.environments.get(name="staging")


@pytest.fixture
def production(shop):
    return shop.environments.get(name="production")


@pytest.fixture
def fetched(shop):
    """The shop's repository as the last fetch saw it."""
    from django.utils import timezone

    now = timezone.now()
    shop.fetched = now
    shop.save()
    for kind, name in (("branch", "main"), ("branch", "feature/login"), ("branch", "broken"), ("tag", "v1.0")):
        KnownRef.objects.create(app=shop, kind=kind, name=name, revision=f"{len(name):040x}", at=now)
    for n in range(3):
        KnownCommit.objects.create(
            app=shop, branch="main", revision=f"{n:040x}", subject=f"change {n}", author="alice", at=now, position=n
        )
    return shop


@pytest.fixture
def alice(db):
    return factories.person("alice", role="deployer")


@pytest.fixture
def carol(db):
    return factories.person("carol", role="viewer")


@pytest.fixture
def ask(shop):
    """`ask(person, line)`: the bot's reply in a room that follows the shop and has no app of its own."""

    def asked(person, line, *, surface="web", apps=("shop",), default_app="", room="demo"):
        return handle(
            Invocation(text=line, actor=person, surface=surface, room=room, apps=apps, default_app=default_app)
        )

    return asked
