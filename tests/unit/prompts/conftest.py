"""A site with one user who is asked by one client."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from django_ciba import prompts
from django_ciba.models import AuthenticationRequest, Client, Delivery, Device
from tests.provider import make_client, make_realm
from tests.unit.journeys.arrange import SEEDS, begin, stored

Asked = Callable[..., AuthenticationRequest]
Configure = Callable[..., None]


@pytest.fixture(autouse=True)
def site(settings: Any) -> Configure:
    """Settings that replace or join those of before."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.DJANGO_CIBA = {
        "ISSUER": "https://op.example.com/oauth2",
        "PROMPT_CHANNELS": ["email"],
        "TASK_RUNNER": "none",
        "OUTBOUND_ALLOW_LOOPBACK": True,
        "OUTBOUND_DEADLINE": 2.0,
    }

    def configure(**changes: Any) -> None:
        settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, **changes}

    return configure


@pytest.fixture
def client(db: None) -> Client:
    return make_client(make_realm())[0]


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", "alice@example.com")


@pytest.fixture
def asked(client: Client, alice: User) -> Asked:
    """Has alice asked; keyword arguments are columns of the request."""

    def ask(**columns: Any) -> AuthenticationRequest:
        found = begin(SEEDS, client, alice, now=timezone.now())
        AuthenticationRequest.objects.filter(pk=found.pk).update(**columns)
        return stored(found)

    return ask


@pytest.fixture
def app(alice: User) -> Callable[..., Device]:
    """Makes an installation of alice's, with the token that a push service gave it."""

    def make(channel: str, token: str) -> Device:
        number = Device.objects.count()
        device = Device(
            user=alice,
            kind=Device.Kind.APP,
            name=token[:20],
            thumbprint=f"thumbprint-{number}",
            created_at=timezone.now(),
        )
        device.set_address(channel, token)
        device.save()
        return device

    return make


def the_delivery(found: AuthenticationRequest) -> Delivery:
    return Delivery.objects.select_related(
        "authentication_request__client__realm", "authentication_request__user"
    ).get(authentication_request=found)


def sent(found: AuthenticationRequest, now: datetime | None = None) -> None:
    """Send the first prompt of that request as a worker does."""
    delivery = Delivery.objects.filter(authentication_request=found).earliest("pk")
    prompts.send(delivery, now or timezone.now())


def says_its_language(settings: Any, folder: Path, template: str) -> None:
    """The site's own template of that name, below that folder, says in which language it is."""
    own = folder / "django_ciba" / "prompts"
    own.mkdir(parents=True)
    text = "{% load i18n %}{% get_current_language as language %}{{ language }}"
    (own / template).write_text(text)
    (engine,) = settings.TEMPLATES
    settings.TEMPLATES = [{**engine, "DIRS": [folder]}]
