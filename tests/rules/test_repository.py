"""Addresses of repositories and names of refs, judged before git hears of them."""

import pytest

from deploy_core.rules.repository import is_commit_id, is_ref_name, why_not_allowed, without_login


@pytest.mark.parametrize(
    "ref",
    ["main", "feature/x", "v1.0", "release-2", "fix#12", "user@host", "_wip", "функция", "a" * 40, "HEAD", "x/y.z+w"],
)
def test_names_of_branches_and_tags_are_refs(ref):
    assert is_ref_name(ref)


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "--all",
        "-x",
        "@",
        "@{u}",
        "main@{1}",
        "..",
        "a..b",
        "refs/../../etc/passwd",
        "refs/heads/main",
        "refs/pull/1/head",
        "HEAD~1",
        "main^",
        "main:config/secrets.yml",
        "a b",
        "a\nb",
        "a\0b",
        "a*",
        "a?",
        "a[b",
        "a\\b",
        "/a",
        "a/",
        "a//b",
        "a.",
        ".a",
        "a/.b",
        "a.lock",
        "a.lock/b",
        "\u202edorp",
        "a" * 201,
        "$(touch /tmp/canary)",
        "\x1b]0;owned\x07main",
    ],
)
def test_revision_syntax_options_and_noise_are_no_refs(ref):
    assert not is_ref_name(ref)


@pytest.mark.parametrize(
    ("text", "is_one"), [("abcdef1", True), ("a" * 40, True), ("abcdef", False), ("ABCDEF1", False)]
)
def test_a_commit_id_has_seven_to_forty_hex_digits(text, is_one):
    assert is_commit_id(text) is is_one


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/team/shop.git",
        "https://git.example.com:8443/shop",
        "ssh://git@git.example.com/shop.git",
        "ssh://git.example.com:2222/~me/shop.git",
        "git@git.example.com:team/shop.git",
        "https://10.1.2.3/shop.git",
    ],
)
def test_https_and_ssh_addresses_are_allowed(url):
    assert why_not_allowed(url, with_files=False) == ""


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ext::sh -c touch% /tmp/canary", "form"),
        ("ext::sh", "form"),
        ("https://git..example/shop.git", "form"),
        (f"git@{'a' * 64}.example:shop.git", "form"),
        ("fd::17", "form"),
        ("/etc", "form"),
        ("../other", "form"),
        ("--upload-pack=touch /tmp/canary;x", "form"),
        ("--upload-pack=x", "form"),
        ("ssh://-oProxyCommand=touch%20/tmp/canary/x", "form"),
        ("-oProxyCommand=x:y", "form"),
        ("git@-oProxyCommand=x:y", "form"),
        ("http://host.example/repo.git", "form"),
        ("git://host.example/repo.git", "form"),
        ("https://host.example/repo.git?x=1", "form"),
        ("https://host.example:99999/repo.git", "form"),
        ("https:///repo.git", "form"),
        ("https://host.example/a\nb", "form"),
        ("", "form"),
        ("https://host.example/" + "a" * 500, "form"),
        ("https://user:hunter2@host.example/repo.git", "password"),
        ("https://token@host.example/repo.git", "password"),
        ("ssh://user:hunter2@host.example/repo.git", "password"),
        ("https://169.254.169.254/latest/meta-data/", "host"),
        ("https://127.0.0.1:6379/", "host"),
        ("https://[::1]/x.git", "host"),
        ("https://localhost/x.git", "host"),
        ("git@127.0.0.1:x.git", "host"),
        ("ssh://0.0.0.0/x", "host"),
        ("file:///srv/other.git", "file"),
    ],
)
def test_other_addresses_are_refused_with_the_reason(url, reason):
    assert why_not_allowed(url, with_files=False) == reason


def test_files_are_allowed_where_a_setting_says_so():
    assert why_not_allowed("file:///srv/shop.git", with_files=True) == ""
    assert why_not_allowed("file://host/srv/shop.git", with_files=True) == "form"


def test_a_login_in_an_address_is_not_shown():
    said = "fatal: could not read from https://x:tok@host/a and ssh://git@host/b"

    assert without_login(said) == "fatal: could not read from https://host/a and ssh://host/b"
