"""Which servers switch together, in what order, and when a deployment may go on."""

import pytest

from deploy_core.rules import batches as turns
from deploy_core.rules.pipeline import Batches, Share

FIVE = ("a", "b", "c", "d", "e")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Batches(), ["abcde"]),
        (Batches(Share(2)), ["ab", "cd", "e"]),
        (Batches(Share(percent=50)), ["ab", "cd", "e"]),
        (Batches(Share(percent=1)), ["a", "b", "c", "d", "e"]),
        (Batches(Share(9)), ["abcde"]),
        (Batches(canary=1), ["a", "bcde"]),
        (Batches(Share(3), canary=1), ["a", "bcd", "e"]),
        (Batches(canary=9), ["abcde"]),
        (Batches(Share(2), order="reversed"), ["ed", "cb", "a"]),
        (Batches(at_most=2), ["ab", "cd", "e"]),
        (Batches(Share(1), at_most=3), ["a", "b", "c", "d", "e"]),
        (Batches(canary=3, at_most=2), ["ab", "cd", "e"]),
    ],
)
def test_servers_are_cut_into_batches(wanted, expected):
    assert ["".join(batch) for batch in turns.cut(FIVE, wanted)] == expected


def test_no_servers_are_no_batch():
    assert turns.cut((), Batches(Share(2), canary=1)) == ()


def test_shuffled_servers_are_all_there_and_the_same_for_the_same_deployment():
    shuffled = Batches(order="shuffled")
    cuts = {turns.cut(FIVE, shuffled, seed=str(number)) for number in range(20)}

    assert all(sorted(batch) == list(FIVE) for (batch,) in cuts)
    assert len(cuts) > 1
    assert turns.cut(FIVE, shuffled, seed="7") == turns.cut(FIVE, shuffled, seed="7")


@pytest.mark.parametrize(("wait", "waited"), [("never", []), ("canary", [1]), ("each", [1, 2, 3])])
def test_a_person_resumes_where_the_file_says(wait, waited):
    assert [number for number in range(4) if turns.waits_before(Batches(wait=wait), number)] == waited


@pytest.mark.parametrize(
    ("limit", "failed", "goes_on"),
    [(Share(1), 1, True), (Share(1), 2, False), (Share(percent=20), 2, True), (Share(percent=20), 3, False)],
)
def test_failed_servers_are_skipped_up_to_the_limit(limit, failed, goes_on):
    assert turns.may_skip(Batches(on_failure="skip", skip_limit=limit), failed, 10) is goes_on


def test_nothing_is_skipped_unless_the_file_says_so():
    assert not turns.may_skip(Batches(skip_limit=Share(5)), 1, 10)
    assert not turns.may_skip(Batches(on_failure="skip"), 1, 10)
