"""Fixtures for every test: servers, which start when the first test asks for them."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar

import pytest
from django.conf import settings
from django.db import connection
from pytest_django import DjangoDbBlocker

from tests.plugin import leave_out
from tests.services import Chromium, PostgreSQL, RabbitMQ, Redis, Service

S = TypeVar("S", bound=Service)

LEAVE_WITHIN: Final = 10.0  # seconds


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """SQLite in a file, as sites have it.

    In memory, all threads of a live server would share the test's one connection, with the
    transactions of each other: a request that nobody waits for any more then breaks the next test.
    """
    database = settings.DATABASES["default"]
    if database["ENGINE"] == "django.db.backends.sqlite3":
        database.setdefault("TEST", {})["NAME"] = settings.VAR / "tests.sqlite3"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """PostgreSQL drops no database while somebody is connected to it.

    Its backend for a process that was killed notices a moment later, and on a busy machine that
    moment is longer than the way from the last test to the drop.
    """
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock():
            _see_the_others_off()


def _see_the_others_off() -> None:
    others = (
        "FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    end = time.monotonic() + LEAVE_WITHIN
    with connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute(f"SELECT count(*) {others}")
            if cursor.fetchone() == (0,):
                return
            time.sleep(0.05)
        cursor.execute(f"SELECT pid, state, query, pg_terminate_backend(pid) {others}")
        print("connections that nobody closed:", cursor.fetchall(), file=sys.__stderr__)


def _running(service: S) -> Iterator[S]:
    if reason := service.missing():
        leave_out(reason)
    with service:
        yield service


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """A server apart from the database of the run: its tests may restart it."""
    yield from _running(PostgreSQL())


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """Shared by a worker's tests: one that breaks it starts its own."""
    yield from _running(Redis())


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[RabbitMQ]:
    """Shared by a worker's tests: one that breaks it starts its own."""
    yield from _running(RabbitMQ())


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The path of the machine's Chromium; its arguments are Chromium.arguments()."""
    path = Chromium.executable()
    if path is None:
        leave_out(Chromium.missing() or "no Chromium")
    return path
