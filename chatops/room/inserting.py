"""New rows, many or one, by one statement whose text is made once per table.

`bulk_create` does the same and more; for the one row that most lines of chat make in each of three tables, what Django
does around the statement takes several times as long as the statement.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import connection, models


def insert(rows: Sequence[models.Model]) -> None:
    """Store `rows`, unsaved and of one plain model, and give them their keys. No signal is sent.

    Raises:
        IntegrityError: one of them breaks a rule of the table; none is stored.
    """
    if not rows:
        return
    begin, marks, end, fields = _statement(type(rows[0]))
    values = [field.get_db_prep_save(field.pre_save(row, True), connection) for row in rows for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(begin + ", ".join([marks] * len(rows)) + end, values)
        keys = cursor.fetchall()
    for row, (key,) in zip(rows, keys, strict=True):
        row.pk = key
        row._state.adding, row._state.db = False, connection.alias


@cache
def _statement(model: type[models.Model]) -> tuple[str, str, str, tuple[Any, ...]]:
    """The beginning, the marks of one row, the end, and the fields that they stand for."""
    quote = connection.ops.quote_name
    fields = tuple(field for field in model._meta.local_concrete_fields if not field.primary_key)
    columns = ", ".join(quote(str(field.column)) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    key = model._meta.pk
    return (
        f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ",  # noqa: S608 - names of our own columns
        f"({marks})",
        f" RETURNING {quote(str(key.column))}",
        fields,
    )
