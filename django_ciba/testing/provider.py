"""A provider for tests: realms with keys, journeys, clients, answers."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from django.utils import timezone

from django_ciba.due import run_due
from django_ciba.jose import PrivateKey
from django_ciba.journeys import document_problems
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
    """Prompts the user once, and waits for the answer until the prompt or the request runs out."""
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
MOST_ROUNDS = 20
ALGS = ("ES256", "RS256", "PS256", "EdDSA")


@lru_cache
def key(alg: str = "ES256", name: str = "") -> PrivateKey:
    """A key of that algorithm, made once a process: RSA keys are slow to make."""
    return PrivateKey.generate(alg)


def make_realm(name: str = "root", parent: Realm | None = None, **settings: Any) -> Realm:
    """A realm with a current key for each algorithm and the push journey as its default."""
    realm = Realm.objects.create(name=name, parent=parent, settings=settings)
    SigningKey.objects.bulk_create(
        SigningKey(
            realm=realm,
            alg=private.alg,
            kid=private.kid,
            state=SigningKey.State.CURRENT,
            private_pem=private.to_pem(),
            public_jwk=private.public_jwk,
        )
        for private in (key(alg, realm.path) for alg in ALGS)
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


def make_journey(realm: Realm, document: dict[str, Any], acr: str = "") -> Journey:
    """A journey of that realm: the one that `acr` leads to, or the default one without.

    Raises ValueError, with every fault, for a document that cannot be walked.
    """
    if faults := [f"{path}: {problem}" for path, problem in document_problems(document)]:
        raise ValueError("; ".join(faults))
    name = f"{acr or 'default'} journey"
    journey = Journey.objects.create(realm=realm, name=name, document=document)
    if acr:
        AcrMapping.objects.create(realm=realm, acr=acr, journey=journey)
    else:
        realm.default_journey = journey
        realm.save()
    return journey


def do_what_is_due(now: datetime | None = None) -> int:
    """The worker's part: prompts, pings, pushes, timers, expiries; how many things were done.

    At the time `now`, which may lie ahead. What comes due again and again by then, as a call to a
    server that fails, is not repeated for ever.
    """
    moment, total = now or timezone.now(), 0
    for _ in range(MOST_ROUNDS):
        done = run_due(moment)
        total += done
        if not done:
            break
    return total


def find(auth_req_id: str) -> AuthenticationRequest:
    """The stored request of that name."""
    return AuthenticationRequest.objects.get(auth_req_id_digest=secrets.digest(auth_req_id))
