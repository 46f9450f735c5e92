"""The list of proofs is true: each row that it names is there once, and so is each test."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.cases.proven import PROOF, WHOLE, rows

TESTS = Path(__file__).parent
PROOFS = {*WHOLE.values(), *(test for area in PROOF.values() for test in area.values())}


@cache
def _functions(module: str) -> frozenset[str]:
    tree = ast.parse((TESTS / module).read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("area", PROOF)
def test_every_row_named_here_is_a_row_of_its_area(area):
    for start in PROOF[area]:
        found = [row for row in rows()[area] if row.startswith(start)]
        assert len(found) == 1 or start in found, f"{start} is the beginning of {found}"


@pytest.mark.parametrize(
    "proof", sorted({*WHOLE.values(), *(test for area in PROOF.values() for test in area.values())})
)
def test_every_proof_named_here_is_a_test(proof):
    module, function = proof.split("::")

    assert function in _functions(module)
