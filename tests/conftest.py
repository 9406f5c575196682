"""Fixtures for every test: servers, which start when the first test asks for them."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.plugin import leave_out
from tests.services import Chromium, PostgreSQL, RabbitMQ, Redis, Service

S = TypeVar("S", bound=Service)


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
