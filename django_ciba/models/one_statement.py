"""Inserts that the ORM makes several statements of, on the paths that every request takes.

Only names of our own tables and columns go into the text; values are parameters.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import IntegrityError, connections, models, router, transaction

_LOCK: Final = "SELECT pg_advisory_xact_lock(%s)"


@dataclass(frozen=True, slots=True)
class Guard:
    """A SELECT of one text that must be empty for a row to go in.

    `of` names what it counts, and `counted_for` is the row of that: of two inserts for one, the
    later counts the earlier too.
    """

    of: str
    counted_for: "models.QuerySet[Any]"
    select: str
    parameters: Sequence[Any]

    @property
    def lock(self) -> int:
        """The name as the key of an advisory lock, a signed number of 64 bits."""
        return int.from_bytes(hashlib.sha256(self.of.encode()).digest()[:8], "big", signed=True)


def insert_once(row: models.Model) -> bool:
    """Insert `row` unless a unique constraint has one like it; whether it was the first.

    The constraint decides, so that of two simultaneous ones exactly one is.
    """
    alias = router.db_for_write(type(row))
    connection = connections[alias]
    if connection.vendor not in ("postgresql", "sqlite"):
        try:
            with transaction.atomic(using=alias):
                row.save(force_insert=True, using=alias)
        except IntegrityError:
            return False
        return True
    fields = [field for field in row._meta.concrete_fields if not field.primary_key]
    quote = connection.ops.quote_name
    names = ", ".join(quote(str(field.column)) for field in fields)
    placeholders = ", ".join(["%s"] * len(fields))
    values = [field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(row._meta.db_table)} ({names}) VALUES ({placeholders}) "
            "ON CONFLICT DO NOTHING",
            values,
        )
        return bool(cursor.rowcount == 1)


def insert_guarded(
    alias: str,
    parent: models.Model,
    children: Sequence[models.Model],
    foreign_key: str,
    guard: Guard | None,
) -> str:
    """Insert `parent`, and `children` whose `foreign_key` is it, unless `guard` says something.

    What it says is returned, and nothing is stored; "" when all are, with their primary keys set.
    However many do so at once, those that one guard counts go in one after the other. PostgreSQL
    takes one round trip, SQLite one insert after the other; elsewhere the guard is a statement.
    """
    connection = connections[alias]
    if connection.vendor == "postgresql":
        return _in_one(alias, parent, children, foreign_key, guard)
    if guard is None and not children:
        parent.save(force_insert=True, using=alias)
        return ""
    with transaction.atomic(using=alias):
        if guard is None:
            parent.save(force_insert=True, using=alias)
        elif said := _guarded_insert(alias, parent, guard):
            return said
        for child in children:
            setattr(child, foreign_key, parent)
        if children:
            type(children[0])._default_manager.using(alias).bulk_create(children)
    return ""


def _in_one(
    alias: str,
    parent: models.Model,
    children: Sequence[models.Model],
    foreign_key: str,
    guard: Guard | None,
) -> str:
    """PostgreSQL: every insert in one statement, after the guard's lock in the same round trip.

    Two statements that are sent together are one transaction, which ends the lock; the second one
    begins when the lock is held, and sees what was committed until then. Where values are bound by
    the server only one can be sent at a time, so there it is a transaction.
    """
    connection: Any = connections[alias]
    parts, parameters = _common_tables(parent, children, foreign_key, guard, connection)
    tables = ["parent", *(f"child_{number}" for number in range(len(children)))]
    chosen = ", ".join(f"{table}.id" for table in tables)
    if guard is None:
        statement = f"WITH {', '.join(parts)} SELECT '', {chosen} FROM {', '.join(tables)}"
    else:
        joined = " ".join(f"LEFT JOIN {table} ON TRUE" for table in tables)
        statement = f"WITH {', '.join(parts)} SELECT guard.said, {chosen} FROM guard {joined}"
    with connection.cursor() as cursor:
        if guard is None:
            cursor.execute(statement, parameters)
        elif connection.features.uses_server_side_binding:
            with transaction.atomic(using=alias):
                cursor.execute(_LOCK, [guard.lock])
                cursor.execute(statement, parameters)
        else:
            cursor.execute(f"{_LOCK}; {statement}", [guard.lock, *parameters])
            if connection.Database.__name__ == "psycopg":  # psycopg2 keeps the last result alone
                cursor.nextset()
        said, *keys = cursor.fetchone()
    if not said:
        for row, pk in zip((parent, *children), keys, strict=True):
            _stored_as(row, pk, alias)
    return str(said)


def _common_tables(
    parent: models.Model,
    children: Sequence[models.Model],
    foreign_key: str,
    guard: Guard | None,
    connection: Any,
) -> tuple[list[str], list[Any]]:
    quote = connection.ops.quote_name
    parts: list[str] = []
    parameters: list[Any] = []
    where = ""
    if guard is not None:
        parts.append(f"guard (said) AS MATERIALIZED ({guard.select})")
        parameters += guard.parameters
        where = " FROM guard WHERE said = ''"
    names, values, more = _insertable(parent, None, connection)
    table = quote(parent._meta.db_table)
    parts.append(f"parent AS (INSERT INTO {table} ({names}) SELECT {values}{where} RETURNING id)")
    parameters += more
    for number, child in enumerate(children):
        names, values, more = _insertable(child, foreign_key, connection)
        column = quote(f"{foreign_key}_id")
        parts.append(
            f"child_{number} AS (INSERT INTO {quote(child._meta.db_table)} ({column}, {names}) "
            f"SELECT id, {values} FROM parent RETURNING id)"
        )
        parameters += more
    return parts, parameters


def _guarded_insert(alias: str, row: models.Model, guard: Guard) -> str:
    """SQLite: the insert itself counts, since it holds the database while it does.

    Elsewhere whoever counts for one user first locks that user's row, in the caller's transaction.
    """
    connection = connections[alias]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            names, values, parameters = _insertable(row, None, connection)
            table = connection.ops.quote_name(row._meta.db_table)
            cursor.execute(
                f"INSERT INTO {table} ({names}) SELECT {values} WHERE ({guard.select}) = ''",
                [*parameters, *guard.parameters],
            )
            if cursor.rowcount == 1:
                _stored_as(row, cursor.lastrowid, alias)
                return ""
        else:
            list(guard.counted_for.using(alias).select_for_update().values_list("pk"))
        cursor.execute(guard.select, list(guard.parameters))
        said = str(cursor.fetchone()[0])
    if not said:
        row.save(force_insert=True, using=alias)
    return said


def _stored_as(row: models.Model, pk: int, alias: str) -> None:
    row.pk = pk
    row._state.adding = False
    row._state.db = alias


def _insertable(
    row: models.Model, without: str | None, connection: Any
) -> tuple[str, str, list[Any]]:
    """(column names, placeholders, values) of a new row, without its key and one other field.

    For PostgreSQL each placeholder names its type: in a SELECT it has no column to take it from.
    """
    fields = [
        field
        for field in row._meta.concrete_fields
        if not field.primary_key and field.name != without
    ]
    names = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    typed = connection.vendor == "postgresql"
    placeholders = ", ".join(
        f"%s::{field.db_type(connection)}" if typed else "%s" for field in fields
    )
    values = [field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields]
    return names, placeholders, values
