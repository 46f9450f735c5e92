"""Which paths are packed."""

import pytest

from deploy_core.rules.selection import selection


@pytest.mark.parametrize(
    ("pattern", "path", "is_named"),
    [
        ("**", b"any/thing", True),
        ("node_modules", b"node_modules", True),
        ("node_modules", b"node_modules/x/y.js", True),
        ("node_modules", b"web/node_modules/x", False),
        ("**/node_modules", b"web/node_modules/x", True),
        ("**/node_modules", b"node_modules/x", True),
        ("*.pyc", b"a.pyc", True),
        ("*.pyc", b"lib/a.pyc", False),
        ("**/*.pyc", b"a.pyc", True),
        ("**/*.pyc", b"lib/deep/a.pyc", True),
        ("**/*.pyc", b"lib/a.py", False),
        ("docs/*", b"docs/a", True),
        ("docs/*.md", b"docs/sub/a.md", False),
        ("docs/", b"docs/a", True),
        ("/docs", b"docs/a", True),
        ("a?c", b"abc", True),
        ("a?c", b"a/c", False),
        ("a.c", b"abc", False),
        ("new*", b"new\nline", True),
        ("*", b"\xff\xfe", True),
    ],
)
def test_a_pattern_names_paths(pattern, path, is_named):
    assert selection(include=[pattern]).includes(path) is is_named
    assert selection(exclude=[pattern]).excludes(path) is is_named


def test_no_pattern_names_nothing():
    assert not selection(exclude=[]).excludes(b"a")
    assert not selection(exclude=["", "/"]).excludes(b"a")
