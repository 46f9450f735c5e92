"""Credentials: sealed in their row, opened for a login."""

import pytest

from deploy_core.errors import LoginError
from deploy_core.models import Credential, Server
from deploy_core.reach import credentials
from deploy_core.reach.connection import AgentLogin, KeyLogin, PasswordLogin, ServerAddress
from deploy_core.sealing import SealError
from tests.services.openssh import make_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def credential() -> Credential:
    return Credential.objects.create(name="deploy", kind=Credential.Kind.AGENT)


def test_a_key_comes_back_as_it_was(credential, tmp_path):
    pem = make_key(tmp_path / "key", passphrase="open sesame")

    credentials.keep_key(credential, pem, "open sesame")
    credential.save()
    credential.refresh_from_db()

    assert credentials.login(credential) == KeyLogin(pem, "open sesame")
    assert credential.fingerprint.startswith("SHA256:")
    assert "PRIVATE" not in credential.sealed
    assert set(credentials.secrets_of(credential)) == {pem.decode(), "open sesame"}


def test_a_password_comes_back_as_it_was(credential):
    credentials.keep_password(credential, "pässwörd")
    credential.save()
    credential.refresh_from_db()

    assert credentials.login(credential) == PasswordLogin("pässwörd")
    assert credentials.secrets_of(credential) == ["pässwörd"]


def test_without_a_credential_the_agent_is_asked(credential):
    assert credentials.login(None) == AgentLogin()
    assert credentials.login(credential) == AgentLogin()
    assert credentials.secrets_of(None) == []


def test_a_secret_copied_to_another_row_does_not_open(credential):
    credentials.keep_password(credential, "secret")
    other = Credential.objects.create(name="other", kind=credential.kind, sealed=credential.sealed)

    with pytest.raises(SealError):
        credentials.login(other)


def test_what_is_no_key_is_not_kept(credential):
    with pytest.raises(LoginError) as caught:
        credentials.keep_key(credential, b"ssh-ed25519 AAAA")

    assert caught.value.params["reason"] == "public"
    assert credential.sealed == ""


def test_a_row_that_is_not_saved_has_no_place_for_a_secret():
    with pytest.raises(ValueError, match="save it first"):
        credentials.keep_password(Credential(name="new"), "secret")


def test_no_login_shows_its_secret():
    for login in (KeyLogin(b"pem-secret", "phrase-secret"), PasswordLogin("word-secret")):
        assert "secret" not in repr(login)


def test_a_server_row_becomes_an_address():
    server = Server(name="web-1", host="10.0.0.1", port=2222, user="deploy", host_key="ssh-ed25519 AAAA")

    assert credentials.address(server) == ServerAddress("web-1", "10.0.0.1", 2222, "deploy", "ssh-ed25519 AAAA")
