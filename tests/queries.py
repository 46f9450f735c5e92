"""What the database was asked, with the values as they were given: a captured query ends at NUL on SQLite."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def values() -> Iterator[list[str]]:
    """The values of all queries within, as text."""
    found: list[str] = []

    def listen(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        found.extend(map(str, params or ()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        yield found
