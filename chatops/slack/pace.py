"""How often a deployment's message is edited while nothing but its steps change. Pure.

Each further edit comes when the run is three times as old as at the one before, and after so many there is none until
the status changes: a whole deployment stays within a dozen calls, however long it takes and however many steps it has.
"""

GROWTH = 3.0


def pause_s(age_s: float, edits: int, *, gap_s: float, longest_s: float, most: int) -> float | None:
    """How long after its last edit a message waits for the next one, between `gap_s` and `longest_s`; None: until its
    status changes. `age_s`: how old the run was at that edit; `edits`: how many such edits there were, of `most`.
    """
    if edits >= most:
        return None
    return min(max(gap_s, (GROWTH - 1.0) * age_s), max(gap_s, longest_s))
