"""A journey that goes on after the passcode keeps its client waiting, as any journey does."""

from typing import Any

import pytest

from django_ciba.models import Realm
from django_ciba.testing import do_what_is_due
from tests.conformance.conftest import RelyingParties
from tests.conformance.wire import at
from tests.provider import make_journey
from tests.two_steps import POCKET, TWO_STEPS, Pocket, two_step_journey


@pytest.fixture(autouse=True)
def bank(site: None, settings: Any, realm: Realm) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "PROMPT_CHANNELS": [POCKET]}
    Pocket.read, Pocket.broken = [], False
    document = two_step_journey()
    document["nodes"]["verify"]["outcomes"]["success"] = "pause"
    document["nodes"]["pause"] = {
        "type": "PollingWait",
        "config": {"seconds": 30},
        "outcomes": {"done": "@success"},
    }
    make_journey(realm, document)


@pytest.mark.requirement("Protocol", "6")
def test_the_new_auth_req_id_is_pending_until_the_journey_ends(
    relying_party: RelyingParties,
) -> None:
    rp = relying_party(**TWO_STEPS)
    with at(0):
        begun = rp.authenticate(binding_message=None).json()["auth_req_id"]
        do_what_is_due()
        middle = rp.poll(begun).json()["id_token"]
        sent = {"id_token_hint": middle, "user_code": Pocket.passcode(), "binding_message": None}
        entered = rp.authenticate(**sent, scope=None, login_hint=None)
        assert entered.status_code == 200, entered.content
        renamed = entered.json()["auth_req_id"]
    with at(5):
        assert rp.poll(renamed).json()["error"] == "authorization_pending"
        assert rp.poll(begun).json()["error"] == "invalid_grant"
    with at(31):
        do_what_is_due()
        assert "access_token" in rp.poll(renamed).json()
