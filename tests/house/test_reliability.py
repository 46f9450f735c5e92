"""The promises of docs/reliability.md: all eighteen, each with tests that are there."""

import ast
import re

from tests.house.checkout import ROOT

PAGE = (ROOT / "docs" / "reliability.md").read_text()
PROMISES = re.split(r"(?m)^\*\*(?=R\d+\.)", PAGE)[1:]


def test_every_promise_is_there_once():
    numbers = [int(re.match(r"R(\d+)\.", promise)[1]) for promise in PROMISES]

    assert sorted(numbers) == list(range(1, 19))


def test_every_promise_names_a_test_and_every_named_test_exists():
    for promise in PROMISES:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", promise)
        assert named, promise[:60]
        for path, function in named:
            assert (ROOT / path).exists(), path
            tree = ast.parse((ROOT / path).read_text())
            there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
            assert function in there, f"{path}::{function}"
