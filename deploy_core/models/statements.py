"""Rows, many or one, written and read by statements whose text is made once per table.

The ORM does the same and more; on the roads that everybody waits for (a line, a command, what happened) most statements
are about one row, and what Django does around one takes several times as long as the database does.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, TypeVar, cast
from weakref import WeakKeyDictionary

from django.db import connection, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

M = TypeVar("M", bound=models.Model)


def insert(rows: Sequence[models.Model]) -> None:
    """Store `rows`, unsaved and of one plain model, and give them their keys. No signal is sent.

    Raises:
        IntegrityError: one of them breaks a rule of the table. Call it where that takes all of them back.
    """
    if not rows:
        return
    told = _writing(type(rows[0]))
    size = connection.ops.bulk_batch_size(told.fields, rows)
    for first in range(0, len(rows), size):
        batch = rows[first : first + size]
        for row, (key,) in zip(batch, _written(told, batch, ""), strict=True):
            _keep(row, key)


def insert_if_new(row: models.Model) -> bool:
    """Store `row` as `insert` does, unless one is there that no rule of the table allows beside it; whether it was.

    Another transaction that is about to store such a one is waited for.
    """
    keys = _written(_writing(type(row)), [row], " ON CONFLICT DO NOTHING")
    for (key,) in keys:
        _keep(row, key)
    return bool(keys)


def update(row: models.Model, *names: str) -> None:
    """Store these fields of `row`, which is there, as they are now. No signal is sent."""
    text, fields = _changing(type(row), names)
    key = row._meta.pk.get_db_prep_value(row.pk, connection)
    execute(text, [*(field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields), key])


def select(model: type[M], rest: str, values: Sequence[Any] = (), *, related: Sequence[str] = ()) -> list[M]:
    """The rows of `model` that `rest` (what stands behind the tables: WHERE and so on) finds, with what they are
    `related` to. In `rest` a table is called as the model is, or as the relation: `lock.environment`, `owner.username`.
    """
    told = _reading(model, tuple(related))
    with connection.cursor() as cursor:
        cursor.execute(told.text + rest, values)
        found = cursor.fetchall()
    if not found:
        return []
    converters = _converters(told)
    alias = connection.alias
    made = []
    for given in found:
        row = list(given)
        for place, expression, convert in converters:
            row[place] = convert(row[place], expression, connection)
        made.append(_row(told, row, alias))
    return made


def execute(sql: str, values: Sequence[Any] = ()) -> int:
    """Run a statement that changes rows; how many."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.rowcount)


def fetch(sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """What a statement finds, as the database has it."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def refresh(row: models.Model) -> None:
    """Let `row` say what the database does.

    Raises:
        ObjectDoesNotExist: it is gone.
    """
    model = type(row)
    for fresh in select(model, f"WHERE {model._meta.model_name}.{model._meta.pk.column} = %s", (row.pk,)):
        for field in model._meta.concrete_fields:
            setattr(row, field.attname, getattr(fresh, field.attname))
        return
    raise model.DoesNotExist  # type: ignore[attr-defined]


def as_json(value: Any) -> Any:
    """Anything as the value of a column that holds JSON."""
    return connection.ops.adapt_json_value(value, None)


def as_time(at: datetime) -> Any:
    """A time as a value of a statement."""
    return connection.ops.adapt_datetimefield_value(at)


# --- writing ----------------------------------------------------------------------------------------------------------
class _Writing(NamedTuple):
    """The beginning, the marks of one row, the end, and the fields that they stand for."""

    begin: str
    marks: str
    end: str
    fields: tuple[Any, ...]


def _written(told: _Writing, rows: Sequence[models.Model], unless: str) -> list[tuple[Any, ...]]:
    values = [field.get_db_prep_save(field.pre_save(row, True), connection) for row in rows for field in told.fields]
    return fetch(told.begin + ", ".join([told.marks] * len(rows)) + unless + told.end, values)


def _keep(row: models.Model, key: Any) -> None:
    row.pk = key
    row._state.adding, row._state.db = False, connection.alias


@cache
def _writing(model: type[models.Model]) -> _Writing:
    quote = connection.ops.quote_name
    fields = tuple(field for field in model._meta.local_concrete_fields if not field.primary_key)
    columns = ", ".join(quote(str(field.column)) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    key = model._meta.pk
    return _Writing(
        f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ",  # noqa: S608 - names of our own columns
        f"({marks})",
        f" RETURNING {quote(str(key.column))}",
        fields,
    )


@cache
def _changing(model: type[models.Model], names: tuple[str, ...]) -> tuple[str, tuple[Any, ...]]:
    quote = connection.ops.quote_name
    fields = tuple(cast(Any, model._meta.get_field(name)) for name in names)
    changes = ", ".join(f"{quote(field.column)} = %s" for field in fields)
    where = f"{quote(str(model._meta.pk.column))} = %s"
    return f"UPDATE {quote(model._meta.db_table)} SET {changes} WHERE {where}", fields  # noqa: S608 - as above


# --- reading ----------------------------------------------------------------------------------------------------------
class _Part(NamedTuple):
    """Where the columns of one table stand in a row that is read: of the model itself, or of what `relation` names."""

    relation: Any
    model: type[models.Model]
    names: list[str]
    begin: int
    key: int


class _Reading(NamedTuple):
    text: str
    parts: tuple[_Part, ...]
    columns: tuple[Any, ...]


def _row(told: _Reading, values: list[Any], alias: str) -> Any:
    """A row of the first part, which knows those of the others."""
    made: Any = None
    for relation, model, names, begin, key in told.parts:
        own = values[begin : begin + len(names)]
        if relation is None:
            made = model.from_db(alias, names, own)
        else:
            relation.set_cached_value(made, model.from_db(alias, names, own) if own[key] is not None else None)
    return made


@cache
def _reading(model: type[models.Model], related: tuple[str, ...]) -> _Reading:
    quote = connection.ops.quote_name
    own = str(model._meta.model_name)
    begin = f"FROM {quote(model._meta.db_table)} {quote(own)}"
    parts, columns, taken = [], [], 0
    for relation in (None, *(cast(Any, model._meta.get_field(name)) for name in related)):
        kind: Any = relation.remote_field.model if relation else model
        name = relation.name if relation else own
        fields = kind._meta.concrete_fields
        names = [field.attname for field in fields]
        parts.append(_Part(relation, kind, names, taken, names.index(kind._meta.pk.attname)))
        columns += [field.get_col(name) for field in fields]
        taken += len(fields)
        if relation:
            key = kind._meta.pk.column
            there = f"{quote(name)}.{quote(key)} = {quote(own)}.{quote(relation.column)}"
            begin += f" LEFT JOIN {quote(kind._meta.db_table)} {quote(name)} ON {there}"
    named = ", ".join(f"{quote(each.alias)}.{quote(each.target.column)}" for each in columns)
    return _Reading(f"SELECT {named} {begin} ", tuple(parts), tuple(columns))


#: What a database's values go through before they are a model's; each connection has functions of its own.
_known: WeakKeyDictionary[BaseDatabaseWrapper, dict[int, Any]] = WeakKeyDictionary()


def _converters(told: _Reading) -> list[tuple[int, Any, Any]]:
    here = connections[connection.alias]
    of_connection = _known.setdefault(here, {})
    found = of_connection.get(id(told))  # `told` is kept for ever, so the number is its own
    if found is None:
        found = of_connection[id(told)] = [
            (place, each, convert)
            for place, each in enumerate(told.columns)
            for convert in (*here.ops.get_db_converters(each), *each.get_db_converters(here))
        ]
    return cast(list[tuple[int, Any, Any]], found)
