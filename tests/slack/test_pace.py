"""A deployment is a dozen calls of Slack, however long it takes."""

import itertools

import pytest

from chatops.slack import pace

GAP_S, LONGEST_S, MOST = 2.0, 3600.0, 7


def _edits(length_s, changes):
    """When a run whose steps change so often, evenly, is edited for them."""
    last, made = 0.0, []
    for at in (length_s * (number + 1) / changes for number in range(changes)):
        pause = pace.pause_s(last, len(made), gap_s=GAP_S, longest_s=LONGEST_S, most=MOST)
        if pause is not None and at >= last + pause:
            made.append(at)
            last = at
    return made


@pytest.mark.parametrize("length_s", [5, 60, 600, 3600, 4 * 3600, 24 * 3600])
def test_200_step_changes_are_few_edits_however_long_they_take(length_s):
    made = _edits(length_s, 200)

    # With the first message, three changes of status and the end it is a dozen calls.
    assert 1 <= len(made) <= MOST


def test_they_come_soon_at_first_and_ever_more_seldom():
    made = _edits(1800, 1800)

    assert made[:4] == [2, 6, 18, 54]
    assert all(later - earlier > 1.9 * earlier for earlier, later in itertools.pairwise(made))
    assert made[-1] > 1200


def test_a_busy_workspace_waits_longer_and_nobody_for_ever():
    assert pace.pause_s(0.0, 0, gap_s=30.0, longest_s=LONGEST_S, most=MOST) == 30.0
    assert pace.pause_s(7200.0, 3, gap_s=GAP_S, longest_s=LONGEST_S, most=MOST) == LONGEST_S
    assert pace.pause_s(2.0, MOST, gap_s=GAP_S, longest_s=LONGEST_S, most=MOST) is None
