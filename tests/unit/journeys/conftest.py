"""One realm, one client, one user; prompts go nowhere but into the outbox."""

from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser

from django_ciba.models import Client
from tests.provider import make_client, make_realm, make_user


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.DJANGO_CIBA = {
        "ISSUER": "https://op.example.com/oauth2",
        "PROMPT_CHANNELS": ["email", "console"],
        "TASK_RUNNER": "none",
        "JOURNEY_NODES": [f"tests.unit.journeys.site_nodes.{name}" for name in NODES],
    }


NODES = ("Step", "Vote", "Weather", "Broken", "AnsweredMeanwhile", "Ask")


@pytest.fixture
def client(db: None) -> Client:
    return make_client(make_realm())[0]


@pytest.fixture
def alice(db: None) -> AbstractBaseUser:
    return make_user("alice")
