"""Which servers switch together, and in what order."""

import hashlib
from collections.abc import Sequence

from .pipeline import Batches

Cut = tuple[tuple[str, ...], ...]


def cut(servers: Sequence[str], batches: Batches, *, seed: str = "") -> Cut:
    """`servers` as batches: the canaries, if the file wants any, then groups of its size.

    `shuffled` is the same for the same `seed`, so that who goes on with a deployment finds its batches again.
    """
    ordered = list(servers)
    if batches.order == "reversed":
        ordered.reverse()
    elif batches.order == "shuffled":
        ordered.sort(key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())
    size = max(1, batches.size.of(len(ordered)))
    size = min(size, batches.at_most or size)
    # A canary is a small batch. No batch is larger than the environment allows, not even that one.
    first = min(batches.canary, batches.at_most or batches.canary)
    rest = ordered[first:]
    groups = [ordered[:first], *(rest[at : at + size] for at in range(0, len(rest), size))]
    return tuple(tuple(group) for group in groups if group)


def waits_before(batches: Batches, number: int) -> bool:
    """Whether a person has to resume before the batch of this number (the first is 0) begins."""
    if batches.wait == "each":
        return number > 0
    return batches.wait == "canary" and number == 1


def may_skip(batches: Batches, failed: int, servers: int) -> bool:
    """Whether a deployment to so many `servers` goes on without the `failed` ones."""
    return batches.on_failure == "skip" and failed <= batches.skip_limit.of(servers)
