"""What travels from one tree to the next."""

from deploy_core.rules.delta import Delta
from deploy_core.rules.manifest import Entry, Manifest


def tree(**entries: str) -> Manifest:
    """`f` and `x` files by content, `l` links by target, `d` folders: `tree(a="f1")`; `__` in a name is a slash."""
    kinds = {"f": b"f", "x": b"fx", "l": b"l", "d": b"d"}
    return Manifest(
        {name.replace("__", "/").encode(): Entry(kinds[text[0]], text[1:].encode()) for name, text in entries.items()}
    )


def test_what_is_the_same_stays_where_it_is():
    delta = Delta(tree(a="f1", b="f1", c="lx"), tree(a="f1", b="x1", c="ly"))

    assert sorted(delta.changed.entries) == [b"b", b"c"]
    assert delta.removed == [b"b", b"c"]
    assert delta.files == 1


def test_folders_go_with_the_last_that_was_in_them():
    delta = Delta(tree(a__b__c="f1", d__e="f1"), tree(a="f1", d="d"))

    assert delta.removed == [b"a", b"a/b", b"a/b/c", b"d/e"]
    assert sorted(delta.changed.entries) == [b"a", b"d"]


def test_shared_paths_of_the_base_are_links_by_now():
    same = tree(conf__a="f1", log__x="f1", z="f1")

    delta = Delta(same, same, (b"conf/a", b"log", b"own/b"))

    assert sorted(delta.there.entries) == [b"z"]
    assert sorted(delta.changed.entries) == [b"conf/a", b"log/x"]
    assert delta.removed == [b"conf/a", b"log", b"own", b"own/b"]


def test_a_base_that_has_less_than_half_is_not_worth_it():
    new = tree(a="f1", b="f1", c="f1")

    assert Delta(tree(a="f1", b="f1"), new).is_worth_it
    assert not Delta(tree(a="f1"), new).is_worth_it


def test_bases_are_told_apart_by_content_and_by_what_they_share():
    old, new = tree(a="f1"), tree(a="f2")

    keys = {Delta(old, new).key, Delta(new, new).key, Delta(old, new, (b"a",)).key}

    assert len(keys) == 3
    assert Delta(old, new, (b"x", b"y")).key == Delta(old, old, (b"y", b"x")).key


def test_the_kinds_of_a_tree_are_those_of_its_lines():
    assert Delta(tree(a="x1", b="lx"), tree()).kinds == [b"l b//x", b"x a"]
    assert tree(a="f1").kinds_sum == tree(a="f2").kinds_sum != tree(a="x1").kinds_sum
