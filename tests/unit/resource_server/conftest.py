"""A token of alice's, as an approved request would have left it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from django_ciba.models import Client, Grant, Realm, Token
from django_ciba.models.secrets import digest, new_secret

IssuedToken = Callable[..., str]


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def client_record(db: None) -> Client:
    root = Realm.objects.create(name="root")
    return Client.objects.create(realm=root, client_id="shop", scope="openid profile")


@pytest.fixture
def issue(alice: User, client_record: Client) -> IssuedToken:
    """Store a token and return its value; keywords change what it says."""

    def issued(
        *,
        scope: str = "openid",
        acr: str = "",
        kind: str = Token.Kind.ACCESS,
        seconds: int = 60,
        **of_token: Any,
    ) -> str:
        value, now = new_secret(), timezone.now()
        grant = Grant.objects.create(
            client=client_record,
            user=alice,
            subject="1",
            scope=scope,
            acr=acr,
            authenticated_at=now,
            created_at=now,
        )
        Token.objects.create(
            grant=grant,
            kind=kind,
            digest=digest(value),
            scope=scope,
            created_at=now,
            expires_at=now + timedelta(seconds=seconds),
            **of_token,
        )
        return value

    return issued
