"""Changing the keys that seal secrets, and looking at all that is sealed before anything runs."""

import base64
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import models

from chatops.accounts.adapters import ABOUT
from deploy_core import keyring, sealing
from deploy_core.models import Credential
from deploy_core.reach import credentials
from deploy_core.reach.connection import PasswordLogin
from deploy_core.sealing import SealError
from tests import factories
from tests.services import migrated

ROOT = Path(__file__).parents[2]
SAVE_ONE = """
from deploy_core.models import Credential
from deploy_core.reach import credentials
row = Credential.objects.create(name="login", kind="password")
credentials.keep_password(row, "hunter2hunter2")
row.save()
"""


@pytest.fixture
def ring(settings, tmp_path) -> Path:
    settings.SHIPROOM_DATA = tmp_path
    settings.SHIPROOM_KEY_FILE = str(tmp_path / "keys.json")
    settings.AUDIT_ANCHORS = str(tmp_path / "heads.jsonl")
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    return tmp_path / "keys.json"


@pytest.fixture
def stored(db, ring) -> list[Credential]:
    """Three logins and a second step, sealed."""
    made = []
    for number in range(3):
        credential = factories.credential(kind="password")
        credentials.keep_password(credential, f"password number {number}")
        credential.save()
        made.append(credential)
    secret = sealing.seal(b"JBSWY3DPEHPK3PXP", about=ABOUT)
    Authenticator.objects.create(user=factories.person(), type="totp", data={"secret": secret})
    return made


def keys(*words: str) -> str:
    said = io.StringIO()
    call_command("keys", *words, stdout=said)
    return said.getvalue()


def passwords() -> list[str]:
    found = [credentials.login(each) for each in Credential.objects.order_by("pk")]
    return [each.password for each in found if isinstance(each, PasswordLogin)]


def test_a_rotated_key_leaves_no_old_row_and_everything_opens(stored):
    old, _ = sealing.key_ids()

    said = keys("rotate")

    assert said.startswith("4 secrets are sealed with ")
    assert set(keyring.count()) == {sealing.key_ids()[0]}
    assert old not in keyring.count()
    assert passwords() == ["password number 0", "password number 1", "password number 2"]
    assert sealing.open_(Authenticator.objects.get().data["secret"], about=ABOUT) == b"JBSWY3DPEHPK3PXP"


def test_the_old_key_is_retired_once_nothing_needs_it(stored, ring):
    old, _ = sealing.key_ids()

    with pytest.raises(CommandError, match="in use: 4 secrets"):
        keys("retire", old)
    keys("rotate")
    keys("retire", old)

    assert old not in ring.read_text()
    assert ring.stat().st_mode & 0o777 == 0o600
    assert len(passwords()) == 3


def test_a_key_that_was_added_and_carried_round_is_the_one_that_is_used(stored):
    added = keys("add").split()[0]

    assert f"sealed with {added} now" in keys("rotate")


def test_what_was_interrupted_goes_on_with_the_same_key(stored, monkeypatch):
    real, calls = sealing.reseal, []

    def once(text: str) -> str:
        calls.append(text)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return real(text)

    monkeypatch.setattr(sealing, "reseal", once)
    with pytest.raises(KeyboardInterrupt):
        keyring.rotate()
    half = sealing.key_ids()
    monkeypatch.setattr(sealing, "reseal", real)

    key, done = keyring.rotate()

    assert (key, len(half[1]), done) == (half[0], 2, 2)
    assert sealing.key_ids() == half


def test_a_row_that_somebody_saved_meanwhile_is_left_alone(stored, monkeypatch):
    real = sealing.reseal

    def meanwhile(text: str) -> str:
        credentials.keep_password(stored[0], "a newer password")
        stored[0].save()
        return real(text)

    monkeypatch.setattr(sealing, "reseal", meanwhile)
    keyring.rotate()

    assert passwords()[0] == "a newer password"


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (lambda row, ring: Credential.objects.filter(pk=row.pk).update(sealed="hunter2hunter2"), "not_sealed"),
        (lambda row, ring: ring.write_text(_ring({"other": os.urandom(32)})), "key_missing"),
        (lambda row, ring: ring.write_text(_ring({_id(row): os.urandom(32)})), "sealed_otherwise"),
        (lambda row, ring: ring.write_text("{"), "key_file_wrong"),
        (lambda row, ring: ring.chmod(0o644), "key_file_open"),
    ],
    ids=["in clear", "key gone", "other key", "no ring", "open file"],
)
def test_what_cannot_be_used_is_named_before_anything_runs(stored, ring, harm, code):
    harm(stored[0], ring)

    with pytest.raises(SealError) as error:
        keyring.check()

    assert error.value.code == code
    with pytest.raises(CommandError) as said:
        keys("check")
    assert "hunter2" not in str(said.value)


def _ring(made: dict[str, bytes]) -> str:
    encoded = {name: base64.b64encode(key).decode() for name, key in made.items()}
    return json.dumps({"primary": next(iter(made)), "keys": encoded})


def _id(row: Credential) -> str:
    return sealing.key_of(row.sealed)


def test_every_field_that_holds_something_sealed_is_one_that_rotation_finds():
    named = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.TextField | models.CharField) and re.search("seal|secret|cipher", field.name)
    }

    unknown = {name for name in named if not name.endswith(".sealed")}
    assert unknown == {"socialaccount.SocialApp.secret", "socialaccount.SocialToken.token_secret"}  # never written


def test_a_server_with_the_wrong_key_does_not_start(tmp_path):
    data = tmp_path / "var"
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = kept | {"SHIPROOM_DATA": str(data), "PORT": "0"}

    def manage(*words: str, code: str = "") -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "manage.py", *words]
        return subprocess.run(
            argv, cwd=ROOT, env=environment, input=code, capture_output=True, text=True, timeout=60, check=False
        )

    migrated.begin(data)
    manage("shell", "-v", "0", code=SAVE_ONE)
    ring = json.loads((data / "keys.json").read_text())
    ring["keys"][ring["primary"]] = base64.b64encode(os.urandom(32)).decode()
    (data / "keys.json").write_text(json.dumps(ring))

    refused = manage("serve")

    assert refused.returncode == 1
    assert "does not open" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "hunter2" not in refused.stderr + refused.stdout


def test_a_copy_of_the_database_without_the_key_file_shows_no_secret(stored):
    rows = [text for _, _, text in keyring.texts()]

    assert len(rows) == 4
    for text in rows:
        decoded = b"".join(base64.urlsafe_b64decode(part + "==") for part in text.split(".")[2:])
        assert b"password number" not in decoded
        assert b"JBSWY3DPEHPK3PXP" not in decoded
