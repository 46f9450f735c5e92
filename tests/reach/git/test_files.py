"""What is read and exported of a revision, and what git never gets to do."""

import os
from types import SimpleNamespace

import pytest

from deploy_core.errors import Cancelled, GitError
from deploy_core.run import acts, preparing


def test_a_file_is_read_at_its_revision(repository, mirror):
    first = repository.commit("With", **{"deploy.yml": "keep: 3\n"})
    second = repository.commit("Changed", **{"deploy.yml": "keep: 4\n"})
    mirror.fetch()

    assert mirror.read_file(first, "deploy.yml") == b"keep: 3\n"
    assert mirror.read_file(second, "deploy.yml") == b"keep: 4\n"
    assert mirror.read_file(second, "nothing.yml") is None
    with pytest.raises(GitError) as caught:
        mirror.read_file(second, "deploy.yml", limit_bytes=3)
    assert caught.value.code == "file_too_large"


def test_a_link_or_a_folder_is_no_file(repository, mirror):
    (repository.path / "deploy.yml").symlink_to("/etc/passwd")
    (repository.path / "folder").mkdir()
    revision = repository.commit("Odd", **{"folder/x": "x"})
    mirror.fetch()

    assert mirror.read_file(revision, "deploy.yml") is None
    assert mirror.read_file(revision, "folder") is None


def test_a_tree_is_exported_with_names_byte_for_byte(repository, mirror, tmp_path):
    names = [b"new\nline", b"bad\xff\xfe", b"-rf", b"$(touch canary)", b"n" * 200, b" lead"]
    revision = repository.commit_tree(
        *(("100644", name, b"content of " + name) for name in names),
        ("100755", b"run", b"#!/bin/sh\n"),
        ("120000", b"link", b"run"),
    )
    mirror.fetch()
    (tmp_path / "out").mkdir()

    mirror.archive(revision, tmp_path / "out")

    top = os.fsencode(tmp_path / "out")
    assert sorted(os.listdir(top)) == sorted([*names, b"run", b"link"])
    for name in names:
        with open(top + b"/" + name, "rb") as file:
            assert file.read() == b"content of " + name
    assert os.stat(top + b"/run").st_mode & 0o777 == 0o755
    assert os.readlink(top + b"/link") == b"run"
    assert not (tmp_path / "canary").exists()


def test_attributes_in_a_repository_neither_drop_nor_change_files(repository, mirror, tmp_path):
    attributes = "*.txt filter=evil text eol=crlf\nsecret export-ignore\nstamp export-subst\nid ident\n"
    revision = repository.commit_tree(
        ("100644", b".gitattributes", attributes.encode()),
        ("100644", b"a.txt", b"line\n"),
        ("100644", b"id", b"$Id$\n"),
        ("100644", b"secret", b"kept\n"),
        ("100644", b"stamp", b"$Format:%H$\n"),
    )
    mirror.fetch()
    (tmp_path / "out").mkdir()

    mirror.archive(revision, tmp_path / "out")

    read = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert read == {
        ".gitattributes": attributes.encode(),
        "a.txt": b"line\n",
        "id": b"$Id$\n",
        "secret": b"kept\n",
        "stamp": b"$Format:%H$\n",
    }


@pytest.mark.parametrize(
    ("entry", "code", "path"),
    [
        (("120000", b"passwd", b"/etc/passwd"), "link_leaves_tree", "passwd"),
        (("120000", b"up\n", b"../../x"), "link_leaves_tree", r"up\n"),
        (("100644", b".git", b"gitdir: /tmp"), "git_entry", ".git"),
        (("100644", b".GIT", b"x"), "git_entry", ".GIT"),
    ],
)
def test_what_leaves_the_tree_is_not_exported(repository, mirror, tmp_path, entry, code, path):
    revision = repository.commit_tree(("100644", b"good", b"x"), entry)
    mirror.fetch()
    (tmp_path / "out").mkdir()

    with pytest.raises(GitError) as caught:
        mirror.archive(revision, tmp_path / "out")

    assert (caught.value.code, caught.value.params["path"]) == (code, path)


def test_hooks_in_a_folder_called_git_are_not_exported(repository, mirror, tmp_path):
    inner = repository.tree(("100755", b"post-checkout", b"#!/bin/sh\ntouch canary\n"))
    hooks = repository.tree(("040000", b"hooks", inner))
    revision = repository.commit_tree(("040000", b".git", hooks))
    mirror.fetch()
    (tmp_path / "out").mkdir()

    with pytest.raises(GitError) as caught:
        mirror.archive(revision, tmp_path / "out")

    assert caught.value.code == "git_entry"


def test_a_tree_over_the_limit_is_not_exported(repository, mirror, tmp_path):
    revision = repository.commit("Large", large="x" * 100_000)
    mirror.fetch()
    (tmp_path / "out").mkdir()

    with pytest.raises(GitError) as caught:
        mirror.archive(revision, tmp_path / "out", limit_bytes=50_000)

    assert (caught.value.code, caught.value.params["path"]) == ("too_large", "large")


def test_an_export_ends_when_its_time_is_over_or_somebody_stops_it(repository, mirror, tmp_path, monkeypatch, settings):
    """However much of it has arrived: the step that wanted it has ended by then."""
    revision = repository.commit("Large", large="x" * 200_000)
    mirror.fetch()
    monkeypatch.setattr(preparing, "mirror_of", lambda app: mirror)
    course = SimpleNamespace(deployment=SimpleNamespace(app=None, revision=revision))
    stopped, untouched = (acts.Hands(out=None, stop=lambda told=told: told) for told in (True, False))

    with pytest.raises(Cancelled):
        preparing.export(course, stopped, tmp_path)
    settings.GIT_TIMEOUT_S = 0
    with pytest.raises(GitError) as caught:
        preparing.export(course, untouched, tmp_path)

    assert caught.value.code == "git_timed_out"


def test_what_our_environment_says_to_git_is_not_heard(repository, mirror, tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[core]\n\tfsmonitor = touch canary\n[log]\n\tshowSignature = true\n")
    for name, value in {
        "HOME": str(home),
        "GIT_DIR": "/nowhere",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.pager",
        "GIT_CONFIG_VALUE_0": "touch canary",
        "GIT_TRACE": str(tmp_path / "canary"),
        "GIT_EXTERNAL_DIFF": "touch canary",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    mirror.fetch()

    assert mirror.resolve("main").subject == "First"
    assert not (tmp_path / "canary").exists()


def test_hooks_of_a_mirror_do_not_run(repository, mirror, tmp_path):
    hooks = mirror.path / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("reference-transaction", "post-update", "pre-auto-gc"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\n")
        (hooks / name).chmod(0o755)
    repository.commit("Second", file="two\n")

    mirror.fetch()

    assert not (tmp_path / "canary").exists()
