"""What every command of ours is: a database that cannot be used is one line, not a traceback."""

from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db import (
    DatabaseError,
    Error,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connections,
    router,
)

from django_ciba.models import Realm

# SQLSTATE, MySQL's numbers, and the words of SQLite, which has neither for this.
NO_SUCH: Final = {
    "42P01": "table",
    "42703": "column",
    "1146": "table",
    "1054": "column",
    "no such table": "table",
    "no such column": "column",
    "has no column": "column",
}


class OperatorCommand(BaseCommand):
    """Errors: `CommandError` too for a database without our tables, dead or locked.

    With --traceback, what the database said is shown beneath it.
    """

    def execute(self, *args: Any, **options: Any) -> Any:
        try:
            return super().execute(*args, **options)
        except (OperationalError, ProgrammingError, InterfaceError) as fault:
            problem = database_problem(fault)
            if problem is None:
                raise
            raise CommandError(problem) from fault


def database_problem(fault: Error) -> str | None:
    """What an operator does about that error; None when it is a fault of ours."""
    if (missing := _missing(fault)) is not None:
        return f"the database has no such {missing}: run manage.py migrate"
    if not isinstance(fault, OperationalError | InterfaceError):
        return None
    said = " ".join(str(fault).split())
    if "is locked" not in said:
        return f"the database does not answer: {said}"
    if _immediate():
        return "the database is locked: another process has been writing for too long; try again"
    return "the database is locked: set transaction_mode IMMEDIATE (see check W021)"


def _missing(fault: Error) -> str | None:
    """Whether a table or a column is not there: the database was not migrated, or not far enough.

    Each driver says it in a way of its own, and PostgreSQL in the server's language.
    """
    if not isinstance(fault, DatabaseError):
        return None
    cause = fault.__cause__
    code = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    said = str(code or fault)
    number = str(fault.args[0]) if fault.args else ""
    for sign, what in NO_SUCH.items():
        if sign in (said, number) or (" " in sign and sign in said):
            return what
    return None


def _immediate() -> bool:
    """Whether our writers take SQLite's lock before they read, as check W021 asks."""
    options = connections[router.db_for_write(Realm)].settings_dict.get("OPTIONS") or {}
    return str(options.get("transaction_mode")).upper() in ("IMMEDIATE", "EXCLUSIVE")
