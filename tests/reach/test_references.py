"""Secrets that are kept elsewhere: read when they are used, from where they may be, and never told."""

import pytest

from deploy_core.errors import LoginError
from deploy_core.reach import credentials, references
from deploy_core.reach.connection import KeyLogin, PasswordLogin
from tests import factories


@pytest.fixture
def folder(settings, tmp_path):
    settings.SECRET_FILES = str(tmp_path / "secrets")
    (tmp_path / "secrets").mkdir()
    return tmp_path / "secrets"


def test_a_password_in_a_file_is_read_when_it_is_used(db, folder):
    (folder / "web").write_text("first password\n")
    row = factories.credential(kind="password")
    credentials.keep_password(row, f"file:{folder}/web")

    before = credentials.login(row)
    (folder / "web").write_text("second password\n")

    assert (before, credentials.login(row)) == (PasswordLogin("first password"), PasswordLogin("second password"))
    assert row.fingerprint == f"file:{folder}/web"
    assert credentials.secrets_of(row) == ["second password"]


def test_a_key_in_a_file_is_a_key(db, folder):
    (folder / "key").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n")
    row = factories.credential(kind="key")
    credentials.keep_key(row, f"file:{folder}/key\n".encode())

    login = credentials.login(row)

    assert isinstance(login, KeyLogin)
    assert login.pem.endswith(b"KEY-----\n")


@pytest.mark.parametrize(
    "place",
    [
        "/etc/passwd",
        "../keys.json",
        "secrets/web",
        "{folder}/../keys.json",
        "{folder}/none",
        "{folder}",
        "{folder}/out",
    ],
)
def test_only_files_of_the_folder_are_read(folder, place):
    (folder.parent / "keys.json").write_text("the keys of everything")
    (folder / "out").symlink_to(folder.parent / "keys.json")

    with pytest.raises(LoginError) as error:
        references.read(f"file:{place.format(folder=folder)}")

    assert error.value.code == "reference_unreadable"
    assert "the keys of everything" not in str(error.value)


def test_what_is_no_text_or_too_large_is_refused(folder):
    (folder / "binary").write_bytes(b"\xff\xfe\x00")
    (folder / "large").write_text("x" * 70_000)

    for name in ("binary", "large"):
        with pytest.raises(LoginError):
            references.read(f"file:{folder}/{name}")


def test_vault_needs_its_address_and_says_so(settings):
    settings.VAULT_URL = ""

    with pytest.raises(LoginError, match="SHIPROOM_VAULT_URL is not set"):
        references.read("vault:secret/data/web#password")


@pytest.mark.parametrize("text", ["hunter2", "files: 3", "a vault: b", "file:/a\nsecond line"])
def test_what_only_looks_like_one_is_a_secret(text):
    assert references.read(text) == text
