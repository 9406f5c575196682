"""An app that is enrolled."""

import pytest
from django.contrib.auth.models import User

from tests.unit.authentication_device.api.app import App, enrolled


@pytest.fixture
def app(alice: User) -> App:
    return enrolled(alice)
