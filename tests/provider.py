"""A provider for tests: realms with keys, the seeds' push journey, clients, users, answers."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from django_ciba.jose import PrivateKey
from django_ciba.journeys import answer
from django_ciba.models import (
    AcrMapping,
    AuthenticationRequest,
    Client,
    Journey,
    Realm,
    SigningKey,
    secrets,
)


def push_journey(message_timeout: int | None = 600) -> dict[str, Any]:
    """The push journey of the seeds (design §9)."""
    return {
        "start": "username",
        "nodes": {
            "username": {
                "type": "PlatformUsername",
                "outcomes": {"found": "send", "not_found": "@failure"},
            },
            "send": {
                "type": "PushSender",
                "config": {"push_type": "default", "message_timeout": message_timeout},
                "outcomes": {"sent": "verify", "not_registered": "@failure"},
            },
            "verify": {
                "type": "PushResultVerifier",
                "outcomes": {
                    "success": "@success",
                    "failure": "@failure",
                    "expired": "@failure",
                    "waiting": "wait",
                },
            },
            "wait": {
                "type": "PollingWait",
                "config": {"seconds": 8},
                "outcomes": {"done": "verify"},
            },
        },
    }


PUSH_JOURNEY = push_journey()
ALGS = ("ES256", "RS256", "PS256", "EdDSA")


@lru_cache
def key(alg: str = "ES256", name: str = "") -> PrivateKey:
    """A key of that algorithm, made once a process: RSA keys are slow to make."""
    return PrivateKey.generate(alg)


def make_realm(name: str = "root", parent: Realm | None = None, **settings: Any) -> Realm:
    """A realm with a current key for each algorithm and the push journey as its default."""
    realm = Realm.objects.create(name=name, parent=parent, settings=settings)
    for alg in ALGS:
        private = key(alg, realm.path)
        SigningKey.objects.create(
            realm=realm,
            alg=alg,
            kid=private.kid,
            state=SigningKey.State.CURRENT,
            private_pem=private.to_pem(),
            public_jwk=private.public_jwk,
        )
    journey = Journey.objects.create(realm=realm, name="CIBA Push Journey", document=PUSH_JOURNEY)
    AcrMapping.objects.create(realm=realm, acr="push", journey=journey)
    realm.default_journey = journey
    realm.save()
    return realm


def make_client(realm: Realm, **changes: Any) -> tuple[Client, str]:
    """(client, secret): by default one with a Basic secret that signs its requests with ES256."""
    private = key(changes.pop("alg", "ES256"), "client")
    fields = {
        "client_id": "shop",
        "client_name": "The Shop",
        "scope": "openid profile email",
        "jwks": {"keys": [private.public_jwk]},
        **changes,
    }
    client = Client(realm=realm, **fields)
    secret = client.new_secret()
    client.save()
    return client, secret


def make_user(username: str = "alice", **changes: Any) -> AbstractBaseUser:
    fields = {
        "first_name": "Alice",
        "last_name": "Adams",
        "email": f"{username}@example.com",
        **changes,
    }
    return get_user_model().objects.create_user(username, password="correct horse", **fields)


def find(auth_req_id: str) -> AuthenticationRequest:
    return AuthenticationRequest.objects.get(auth_req_id_digest=secrets.digest(auth_req_id))


def say(auth_req_id: str, verdict: str, amr: Sequence[str] = ("pwd",)) -> AuthenticationRequest:
    """Answer as the request's user."""
    now: datetime = timezone.now()
    return answer(find(auth_req_id), verdict, now=now, authenticated_at=now, amr=list(amr))


def approve(auth_req_id: str) -> AuthenticationRequest:
    return say(auth_req_id, "approved")


def deny(auth_req_id: str) -> AuthenticationRequest:
    return say(auth_req_id, "denied")
