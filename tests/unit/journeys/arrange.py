"""Journeys for tests, and requests that walk them at times of the test's choosing."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from django.contrib.auth.models import AbstractBaseUser

from django_ciba.backchannel_authentication.start import ValidAuthenticationRequest, started
from django_ciba.journeys import answer
from django_ciba.models import AuthenticationRequest, Client, Journey
from tests.provider import push_journey

Answer, Status = AuthenticationRequest.Answer, AuthenticationRequest.Status

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SEEDS = push_journey(120)


def after(seconds: float) -> datetime:
    """That many seconds after the tests' noon."""
    return NOON + timedelta(seconds=seconds)


def seeds(**nodes: dict[str, Any]) -> dict[str, Any]:
    """The seeds' journey with nodes replaced or added."""
    document = copy.deepcopy(SEEDS)
    document["nodes"].update(copy.deepcopy(nodes))
    return document


def straight(*types: str, end: str = "@success", **outcomes: str) -> dict[str, Any]:
    """A journey of nodes of these types, each left by its one outcome for the next."""
    keys = [f"n{number}" for number in range(len(types))]
    following = [*keys[1:], end]
    return {
        "start": keys[0],
        "nodes": {
            key: {"type": kind, "outcomes": {outcomes.get(kind, "next"): target}}
            for key, kind, target in zip(keys, types, following, strict=True)
        },
    }


def begin(
    document: dict[str, Any],
    client: Client,
    user: AbstractBaseUser | None,
    *,
    now: datetime = NOON,
    seconds: float = 600,
    message: str = "Pay £50 to Example (EB-1)",
) -> AuthenticationRequest:
    """A request as bc-authorize starts it, walking a journey of that document."""
    journey, _ = Journey.objects.update_or_create(
        realm=client.realm, name="under test", defaults={"document": document}
    )
    assert journey.version is not None
    valid = ValidAuthenticationRequest(
        client=client,
        user=user,
        scope="openid",
        journey=journey.version,
        acr="",
        binding_message=message,
        expires_at=now + timedelta(seconds=seconds),
        ui_locales="",
    )
    return stored(started(valid, now).authentication_request)


def stored(found: AuthenticationRequest) -> AuthenticationRequest:
    return AuthenticationRequest.objects.select_related("client", "user").get(pk=found.pk)


def say(
    found: AuthenticationRequest, verdict: str, now: datetime, **changes: Any
) -> AuthenticationRequest:
    """The user's answer, by someone who logged in ten seconds earlier with a password."""
    proof = {"authenticated_at": now - timedelta(seconds=10), "amr": ["pwd"], **changes}
    return answer(found, verdict, now=now, **proof)


def path(found: AuthenticationRequest) -> list[tuple[str, str]]:
    """The nodes walked so far, each with the outcome it was left by."""
    return [(each["node"], each["outcome"]) for each in cast(list[dict[str, str]], found.walk)]
