"""A passkey's signature is good for the prompt that it signed, whatever the form says."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from django_ciba.authentication_device import decisions
from django_ciba.journeys import answer
from django_ciba.models import AuthenticationRequest
from django_ciba.models.authentication_request import ROUNDS
from tests.unit.authentication_device.authenticator import Authenticator
from tests.unit.authentication_device.test_decisions import stored
from tests.unit.authentication_device.test_passkeys import asked, registered, signed, told

pytestmark = pytest.mark.django_db


def test_a_form_for_the_prompt_to_come_does_not_carry_it_over(
    browser: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Authenticator()
    assert registered(browser, device).status_code == 303
    found = asked(alice, memory={ROUNDS: 1})
    options = told(browser, found)

    def prompted_meanwhile(*args: Any, **kwargs: Any) -> Any:
        AuthenticationRequest.objects.filter(pk=found.pk).update(memory={ROUNDS: 2})
        return answer(*args, **kwargs)

    monkeypatch.setattr(decisions, "answer", prompted_meanwhile)
    assert signed(browser, found, device, options, prompt="2").status_code == 409
    assert stored(found).answer == ""
