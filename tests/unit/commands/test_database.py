"""A database that cannot be used: one line that says what to do, whatever the command."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.db import ProgrammingError, connection

from django_ciba.management.command import OperatorCommand
from tests.unit.commands.conftest import Run

ROOT = Path(__file__).parents[3]
COMMANDS = [
    ("ciba_answer", "no-such-request", "deny"),
    ("ciba_cleanup",),
    ("ciba_client", "list"),
    ("ciba_export",),
    ("ciba_import", "-"),
    ("ciba_keys", "list"),
    ("ciba_run_due",),
]
ASK_NONE = {"ciba_journey", "ciba_webpush_key"}  # no database is asked
TABLES = ("realm", "client", "signingkey", "authenticationrequest", "delivery")
UNREACHABLE = "postgresql://nobody@127.0.0.1:9/none?connect_timeout=2"
SETTINGS = """
from testproject.settings import *
DATABASES = {{"default": {{
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": {name!r},
    "OPTIONS": {{"timeout": 0.1, {option}}},
}}}}
"""


def without_tables() -> None:
    """As before `migrate`; the test's transaction brings them back."""
    with connection.cursor() as cursor:
        for name in TABLES:
            cursor.execute(f"ALTER TABLE django_ciba_{name} RENAME TO elsewhere_{name}")


def manage(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "django", *argv],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "testproject.settings", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_command_of_ours_is_looked_at_here() -> None:
    ours = {name for name, app in get_commands().items() if app == "django_ciba"}
    assert ours - ASK_NONE == {name for name, *_ in COMMANDS}
    for name in ours:
        assert isinstance(load_command_class("django_ciba", name), OperatorCommand)


@pytest.mark.django_db
@pytest.mark.parametrize("argv", COMMANDS, ids=lambda each: each[0])
def test_without_tables_each_command_says_to_migrate(run: Run, argv: tuple[str, ...]) -> None:
    without_tables()
    ran = run(*argv, stdin=b'{"realm": "/"}')
    assert ran.error == "the database has no such table: run manage.py migrate"
    assert (ran.out, ran.err) == ([], [])


@pytest.mark.django_db
def test_a_database_of_an_older_version_is_to_be_migrated_too(run: Run) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_ciba_signingkey RENAME COLUMN retired_at TO elsewhere")
    assert run("ciba_keys", "list").error == (
        "the database has no such column: run manage.py migrate"
    )


@pytest.mark.django_db
def test_what_the_database_said_is_kept_for_traceback() -> None:
    without_tables()
    with pytest.raises(CommandError) as refusal:
        call_command("ciba_export")
    assert "django_ciba_realm" in str(refusal.value.__cause__)


class Faulty(OperatorCommand):
    def handle(self, *args: object, **options: object) -> None:
        raise ProgrammingError('syntax error at or near "SELEC"')


def test_a_fault_of_ours_is_not_put_on_the_database() -> None:
    with pytest.raises(ProgrammingError):
        call_command(Faulty(), skip_checks=True)


@pytest.mark.slow
@pytest.mark.only_on("sqlite")
def test_a_database_that_does_not_answer_is_said_in_one_line(tmp_path: Path) -> None:
    ran = manage("ciba_export", CIBA_VAR=str(tmp_path), DATABASE_URL=UNREACHABLE)
    assert ran.returncode == 1
    (line,) = ran.stderr.splitlines()
    assert line.startswith("CommandError: the database does not answer: ")
    assert "127.0.0.1" in line


@pytest.mark.slow
@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    ("option", "advice"),
    [
        ("", "set transaction_mode IMMEDIATE (see check W021)"),
        (
            '"transaction_mode": "IMMEDIATE"',
            "another process has been writing for too long; try again",
        ),
    ],
    ids=["deferred", "immediate"],
)
def test_a_locked_database_is_said_in_one_line(tmp_path: Path, option: str, advice: str) -> None:
    database = tmp_path / "locked.sqlite3"
    (tmp_path / "locked_settings.py").write_text(SETTINGS.format(name=str(database), option=option))
    with closing(sqlite3.connect(database, isolation_level=None)) as holder:
        holder.execute("CREATE TABLE held (it)")
        holder.execute("BEGIN EXCLUSIVE")
        ran = manage(
            "ciba_cleanup",
            "--skip-checks",
            CIBA_VAR=str(tmp_path),
            DJANGO_SETTINGS_MODULE="locked_settings",
            PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}",
        )
    assert ran.returncode == 1
    assert ran.stderr.splitlines() == [f"CommandError: the database is locked: {advice}"]
