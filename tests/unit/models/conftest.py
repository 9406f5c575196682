"""A site whose passwords and user codes are hashed fast."""

from typing import Any

import pytest

from django_ciba.models import Realm
from tests.provider import make_realm

ISSUER = "https://op.example.com/oauth2"


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.DJANGO_CIBA = {"ISSUER": ISSUER, "TASK_RUNNER": "none", "PROMPT_CHANNELS": []}


@pytest.fixture
def root(db: None) -> Realm:
    return make_realm()
