"""What a run of the tests has proven, counted from the ids of its tests; and which test proves what."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from tests.cases import proven
from tests.proof.entries import ROLES

_FAILPOINT = re.compile(r"(tests/(?:proof|workers)/test_\w*(?:failpoint|sweep)\w*\.py::test_\w+)\[(.+)\]$")
_MUTANT = re.compile(r"(tests/mutants/test_controls\.py::test_a_control_stands_in_one_place\w*)\[(.+)\]$")
_ENTRY = re.compile(rf"(tests/proof/test_entries\.py::test_\w+)\[(?P<role>{'|'.join(ROLES)})-(?P<entry>.+)\]$")


class Tally(NamedTuple):
    """How many rows of bad_inputs.tsv, failpoints, mutants, entry points and roles a set of tests covers."""

    bad_inputs: int
    failpoints: int
    mutants: int
    entries: int
    roles: int

    def line(self) -> str:
        """As `make test` ends."""
        return (
            f"proof: {self.bad_inputs} bad inputs, {self.failpoints} failpoints, {self.mutants} mutants, "
            f"{self.entries} entry points x {self.roles} roles"
        )


def count(ids: Iterable[str]) -> Tally:
    """What the tests of these ids prove."""
    ids = list(ids)
    entries = [match for each in ids if (match := _ENTRY.match(each))]
    return Tally(
        sum(1 for _, _, test in bad_inputs(ids)),
        sum(1 for each in ids if _FAILPOINT.match(each)),
        sum(1 for each in ids if _MUTANT.match(each)),
        len({match["entry"] for match in entries}),
        len({match["role"] for match in entries}),
    )


def bad_inputs(ids: Iterable[str]) -> Iterable[tuple[str, str, str]]:
    """Area, input and test of each row of bad_inputs.tsv that a test among `ids` proves."""
    functions = {each.partition("[")[0] for each in ids}
    for area, inputs in proven.rows().items():
        for given in inputs:
            test = proven.proof_of(area, given)
            if test and f"tests/{test}" in functions:
                yield area, given, f"tests/{test}"


def listing(ids: Iterable[str]) -> Iterable[str]:
    """What is proven → the test that proves it, one a line."""
    ids = list(ids)
    for area, given, test in bad_inputs(ids):
        yield f"bad input\t{area}: {given}\t{test}"
    for kind, pattern in (("failpoint", _FAILPOINT), ("mutant", _MUTANT), ("entry point", _ENTRY)):
        for each in ids:
            if match := pattern.match(each):
                yield f"{kind}\t{each.partition('[')[2].rstrip(']')}\t{match[1]}"
