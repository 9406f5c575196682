"""The provider of our own tests: what sites' tests have too, users, and answers by auth_req_id."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from django_ciba.journeys import Evidence, answer
from django_ciba.models import AuthenticationRequest
from django_ciba.testing.provider import (
    ALGS,
    PUSH_JOURNEY,
    find,
    key,
    make_client,
    make_journey,
    make_realm,
    push_journey,
)

__all__ = [
    "ALGS",
    "PUSH_JOURNEY",
    "approve",
    "deny",
    "find",
    "key",
    "make_client",
    "make_journey",
    "make_realm",
    "make_user",
    "push_journey",
    "say",
]


def make_user(username: str = "alice", **changes: Any) -> AbstractBaseUser:
    fields = {
        "first_name": "Alice",
        "last_name": "Adams",
        "email": f"{username}@example.com",
        **changes,
    }
    return get_user_model().objects.create_user(username, password="correct horse", **fields)


def say(auth_req_id: str, verdict: str, amr: Sequence[str] = ("pwd",)) -> AuthenticationRequest:
    """Answer as the request's user, who finds the client's number again where there is one."""
    now: datetime = timezone.now()
    found = find(auth_req_id)
    evidence = Evidence(number=found.number)
    return answer(found, verdict, now=now, authenticated_at=now, amr=list(amr), evidence=evidence)


def approve(auth_req_id: str) -> AuthenticationRequest:
    return say(auth_req_id, "approved")


def deny(auth_req_id: str) -> AuthenticationRequest:
    return say(auth_req_id, "denied")
