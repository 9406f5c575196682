"""A realm with one journey, a client, and a way to run a command as an operator does."""

import io
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from django_ciba.backchannel_authentication.start import (
    Started,
    ValidAuthenticationRequest,
    started,
)
from django_ciba.models import Client, Journey, Realm
from django_ciba.realm_document import apply
from tests.provider import push_journey

JOURNEY: dict[str, Any] = {"name": "push", **push_journey(60)}
DOCUMENT: dict[str, Any] = {
    "realm": "/",
    "settings": {"signing_algs": ["ES256"]},
    "journeys": [JOURNEY],
    "default_journey": "push",
    "clients": [
        {
            "client_id": "shop",
            "client_name": "The Shop",
            "client_secret": "s" * 43,
            "require_signed_request_object": False,
        }
    ],
}


class Ran(NamedTuple):
    """What a command printed, and what it ended with."""

    out: list[str]
    err: list[str]
    error: str


Run = Callable[..., Ran]
Start = Callable[..., Started]


class _Stdin:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command; a `CommandError` is what the shell would show with exit code 1."""

    def command(*argv: str, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "stdin", _Stdin(stdin))
        out, err, error = io.StringIO(), io.StringIO(), ""
        try:
            call_command(*argv, stdout=out, stderr=err)
        except CommandError as fault:
            assert fault.returncode == 1
            error = str(fault)
        return Ran(out.getvalue().splitlines(), err.getvalue().splitlines(), error)

    return command


@pytest.fixture
def root(db: None) -> Realm:
    apply(DOCUMENT)
    return Realm.objects.get(path="/")


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def start(root: Realm, alice: User) -> Start:
    """Start an authentication request, as bc-authorize does; it waits for alice."""

    def begin(user: User | None = alice, now: datetime | None = None) -> Started:
        version = Journey.objects.get(realm=root).version
        assert version is not None
        moment = now or timezone.now()
        valid = ValidAuthenticationRequest(
            client=Client.objects.get(client_id="shop"),
            user=user,
            scope="openid",
            journey=version,
            acr="",
            binding_message="",
            expires_at=moment + timedelta(seconds=600),
            ui_locales="",
        )
        return started(valid, moment)

    return begin
