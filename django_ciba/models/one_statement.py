"""Inserts that the ORM makes several statements of, on the paths that every request takes.

Only names of our own tables and columns go into the text; values are parameters.
"""

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, connections, models, router, transaction


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


def insert_with_children(
    alias: str, parent: models.Model, children: Sequence[models.Model], foreign_key: str
) -> list[int]:
    """Insert `parent`, and `children` whose `foreign_key` is it; all primary keys, parent first.

    One statement, two round trips fewer than a transaction of two inserts. PostgreSQL only.
    """
    connection = connections[alias]
    quote = connection.ops.quote_name
    names, values, parameters = _insertable(parent, None, connection)
    table = quote(parent._meta.db_table)
    parts = [f"parent AS (INSERT INTO {table} ({names}) VALUES ({values}) RETURNING id)"]
    for number, child in enumerate(children):
        names, values, more = _insertable(child, foreign_key, connection)
        column = quote(f"{foreign_key}_id")
        parts.append(
            f"child_{number} AS (INSERT INTO {quote(child._meta.db_table)} ({column}, {names}) "
            f"SELECT id, {values} FROM parent RETURNING id)"
        )
        parameters += more
    tables = ["parent", *(f"child_{number}" for number in range(len(children)))]
    chosen = ", ".join(f"{table}.id" for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {', '.join(parts)} SELECT {chosen} FROM {', '.join(tables)}", parameters
        )
        return list(cursor.fetchone())


def _insertable(
    row: models.Model, without: str | None, connection: Any
) -> tuple[str, str, list[Any]]:
    """(column names, placeholders, values) of a new row, without its key and one other field.

    Each placeholder names its type: in a SELECT there is no column to take it from.
    """
    fields = [
        field
        for field in row._meta.concrete_fields
        if not field.primary_key and field.name != without
    ]
    names = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    placeholders = ", ".join(f"%s::{field.db_type(connection)}" for field in fields)
    values = [field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields]
    return names, placeholders, values
