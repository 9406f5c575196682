"""One realm, one user, relying parties of each kind."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client as HttpClient

from django_ciba.models import Realm
from tests.asked_often import ASKED_OFTEN
from tests.callback_server import CallbackServer
from tests.provider import key, make_client, make_realm, make_user
from tests.relying_party import RelyingParty

ISSUER = "https://op.example.com/oauth2"


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    settings.DJANGO_CIBA = {
        "ISSUER": ISSUER,
        "PROMPT_CHANNELS": ["email"],
        "TASK_RUNNER": "none",
    }
    # Passwords and user codes are not what is slow here on purpose.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def realm(db: None) -> Realm:
    return make_realm()


@pytest.fixture
def asked_often(realm: Realm) -> None:
    """For a test that asks alice over and over, and is about something else than limits."""
    realm.settings = {**realm.settings, **ASKED_OFTEN}
    realm.save()


@pytest.fixture
def alice(db: None) -> AbstractBaseUser:
    return make_user("alice")


RelyingParties = Callable[..., RelyingParty]


@pytest.fixture
def relying_party(realm: Realm, alice: AbstractBaseUser) -> RelyingParties:
    """Makes a relying party; keyword arguments are fields of its client (and `alg`, `realm`)."""

    def make(**changes: Any) -> RelyingParty:
        of_realm = changes.pop("realm", realm)
        alg = changes.pop("alg", "ES256")
        signed = changes.get("require_signed_request_object", True)
        client, secret = make_client(of_realm, alg=alg, **changes)
        return RelyingParty(
            http=HttpClient(),
            client=client,
            issuer=of_realm.issuer,
            mount=f"/oauth2/{of_realm.url_prefix}",
            key=key(alg, "client"),
            secret=secret,
            signed=signed,
        )

    return make


@pytest.fixture
def rp(relying_party: RelyingParties) -> RelyingParty:
    """A client with a Basic secret that signs its requests."""
    return relying_party()


@pytest.fixture
def callback() -> Iterator[CallbackServer]:
    """A notification endpoint on loopback; the test fails if the endpoint itself did."""
    with CallbackServer() as running:
        yield running
    assert running.failures == []
