"""What a ref means, and which commits there are."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from deploy_core.errors import GitError


def test_a_branch_a_tag_and_a_commit_are_resolved_once(repository, mirror):
    first = repository.git("rev-parse", "HEAD")
    repository.git("tag", "v1")
    second = repository.commit("Second — ünïcode", file="two\n")
    mirror.fetch()

    for ref, kind, revision in (
        ("main", "branch", second),
        ("v1", "tag", first),
        (first, "commit", first),
        (first[:7], "commit", first),
    ):
        found = mirror.resolve(ref)
        assert (found.kind, found.id, found.ref) == (kind, revision, ref)
    assert (mirror.resolve("main").subject, mirror.resolve("main").author) == ("Second — ünïcode", "Ada Example")


def test_a_name_that_is_both_is_ambiguous_and_shows_both(repository, mirror):
    first = repository.git("rev-parse", "HEAD")
    repository.git("tag", "v1")
    repository.git("branch", "v1")
    repository.git("checkout", "-q", "refs/heads/v1")
    mirror.fetch()

    with pytest.raises(GitError) as caught:
        mirror.resolve("v1")

    assert caught.value.code == "ambiguous_ref"
    assert caught.value.params == {"ref": "v1", "branch": first, "tag": first}


def test_a_name_nobody_has_comes_with_near_ones(repository, mirror):
    repository.git("branch", "release-2")
    mirror.fetch()

    with pytest.raises(GitError) as caught:
        mirror.resolve("relaese-2")

    assert caught.value.code == "ref_not_found"
    assert caught.value.params["near"] == ["release-2"]


@pytest.mark.parametrize("ref", ["--all", "HEAD~1", "main:file", "refs/heads/main", "@{u}", "", "a b"])
def test_what_is_no_ref_never_reaches_git(mirror, ref):
    with pytest.raises(GitError) as caught:
        mirror.resolve(ref)

    assert caught.value.code == "bad_ref"


def test_a_commit_that_only_a_tag_contains_is_found(repository, mirror):
    """As when a release was tagged on a branch that is gone, and its deployment is tried again."""
    released = repository.commit("Released", file="x\n")
    repository.git("tag", "-a", "v1", "-m", "Version 1")
    repository.git("tag", "of-a-file", repository.git("hash-object", "-w", "--stdin", data=b"a file"))
    repository.git("reset", "-q", "--hard", "HEAD~1")
    mirror.fetch()

    for ref in (released, released[:9]):
        found = mirror.resolve(ref)
        assert (found.kind, found.id) == ("commit", released)


def test_a_commit_that_no_branch_contains_is_not_found(repository, mirror):
    gone = repository.commit("To be thrown away", file="x\n")
    mirror.fetch()
    repository.git("reset", "-q", "--hard", "HEAD~1")
    mirror.fetch()

    for ref in (gone, gone[:9], "0" * 40, "HEAD"):
        with pytest.raises(GitError) as caught:
            mirror.resolve(ref)
        assert caught.value.code == "ref_not_found"


def test_commits_are_listed_newest_first_and_bounded(repository, mirror):
    ids = [repository.commit(f"Commit {number}") for number in range(5)]
    mirror.fetch()

    found = mirror.commits("main", 3)

    assert [commit.subject for commit in found] == ["Commit 4", "Commit 3", "Commit 2"]
    assert [commit.revision for commit in found] == ids[:1:-1]
    assert found[0].at.tzinfo is not None
    with pytest.raises(GitError):
        mirror.commits("nope")


def test_an_odd_date_is_the_nearest_that_can_be_told(repository, mirror):
    """git keeps any number as a date, and tags of its first years have none at all."""
    parent, tree = repository.git("rev-parse", "HEAD", "HEAD^{tree}").split()
    revision = ""
    for date in ("253402300799", "253402300800", "9999999999999", "99999999999999999999", "-5", ""):
        by = f"A <a@example.com> {date} +0000"
        text = f"tree {tree}\nparent {parent}\nauthor {by}\ncommitter {by}\n\nDate {date}\n".encode()
        revision = repository.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", data=text)
        repository.git("update-ref", f"refs/heads/date{date}", revision)
    tag = f"object {parent}\ntype commit\ntag v0\n\nWithout a tagger\n".encode()
    repository.git("update-ref", "refs/tags/v0", repository.git("mktag", "--no-strict", data=tag))
    mirror.fetch()

    times = {ref.name: ref.at for ref in mirror.refs()}
    assert times["v0"] == datetime(1970, 1, 1, tzinfo=UTC)
    assert times["date9999999999999"] == max(times.values())
    for at in times.values():
        assert at.astimezone(timezone(timedelta(hours=14)))
    assert mirror.resolve("v0").id == parent
    assert mirror.commits("date", 1)[0].revision == revision


def test_commits_between_two_revisions(repository, mirror):
    first = repository.git("rev-parse", "HEAD")
    last = [repository.commit(f"Commit {number}") for number in range(3)][-1]
    mirror.fetch()

    assert [commit.subject for commit in mirror.between(first, last)] == ["Commit 2", "Commit 1", "Commit 0"]
    assert mirror.between(last, last) == []
    assert mirror.between("0" * 40, last) == []


@pytest.mark.parametrize("hostile", ['a"; import os; os.system("touch canary")', "line\x00nul", "%H%x00", "a\tb"])
def test_a_subject_is_text_and_nothing_else(repository, mirror, hostile):
    repository.git("commit", "-q", "--allow-empty", "-F", "-", data=hostile.replace("\x00", "").encode())
    mirror.fetch()

    assert mirror.commits("main", 1)[0].subject == hostile.replace("\x00", "")


def test_only_full_ids_are_revisions(mirror):
    for revision in ("main", "HEAD", "--output=canary", "a" * 39):
        with pytest.raises(ValueError, match="not a full commit id"):
            mirror.read_file(revision, "deploy.yml")
