"""A client that must not learn who exists cannot tell nobody from somebody (protocol §3)."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from django_ciba.due import run_due
from django_ciba.models import AuthenticationRequest, Delivery, Journey, UserCode
from tests.conformance.conftest import RelyingParties
from tests.conformance.wire import at
from tests.provider import PUSH_JOURNEY, deny, find
from tests.relying_party import RelyingParty

pytestmark = pytest.mark.requirement("CIBA Core", "13")


@pytest.fixture
def rp(relying_party: RelyingParties) -> RelyingParty:
    return relying_party(hide_unknown_users=True, backchannel_user_code_parameter=True)


def polled(rp: RelyingParty, hint: str, **changes: Any) -> list[tuple[int, Any, Any]]:
    """What the client sees of one request, from its start to after its end."""
    seen = []
    with at(0):
        answer = rp.authenticate(login_hint=hint, **changes)
        body = answer.json()
        auth_req_id = body.pop("auth_req_id", "")
        seen.append((answer.status_code, sorted(answer.json()), body))
        if answer.status_code != 200:
            return seen
    for seconds in (1, 2, 8, 130, 599, 600):
        with at(seconds):
            run_due(find(auth_req_id).created_at + timedelta(seconds=seconds))
            answer = rp.poll(auth_req_id)
            seen.append((answer.status_code, answer.json(), answer.get("Retry-After")))
    return seen


def test_a_user_who_does_not_answer_looks_like_nobody(rp: RelyingParty) -> None:
    document = {**PUSH_JOURNEY, "nodes": {**PUSH_JOURNEY["nodes"]}}
    document["nodes"]["send"] = {**document["nodes"]["send"], "config": {"message_timeout": 60}}
    for journey in Journey.objects.all():
        journey.document = document
        journey.save()
    somebody, nobody = polled(rp, "alice"), polled(rp, "nobody")
    assert somebody == nobody
    assert somebody[-1][1]["error"] == "expired_token"
    assert AuthenticationRequest.objects.get(user__isnull=False).deliveries.count() == 1


def test_a_locked_user_looks_like_nobody_and_is_not_prompted(rp: RelyingParty) -> None:
    get_user_model().objects.update(is_active=False)
    assert polled(rp, "alice") == polled(rp, "nobody")
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("sent", [{}, {"user_code": "wrong"}])
def test_a_missing_or_wrong_user_code_looks_like_nobody_and_prompts_nobody(
    rp: RelyingParty, sent: dict[str, str]
) -> None:
    kept = UserCode(user=get_user_model().objects.get(username="alice"))
    kept.set_code("1357")
    kept.save()
    assert polled(rp, "alice", **sent) == polled(rp, "nobody", **sent)
    assert not Delivery.objects.exists()


def test_a_journey_that_ends_at_once_looks_like_nobody(rp: RelyingParty) -> None:
    for journey in Journey.objects.all():
        journey.document = {
            "start": "username",
            "nodes": {
                "username": {
                    "type": "PlatformUsername",
                    "outcomes": {"found": "@failure", "not_found": "@failure"},
                }
            },
        }
        journey.save()
    assert polled(rp, "alice") == polled(rp, "nobody")


def test_the_users_own_denial_is_told(rp: RelyingParty) -> None:
    auth_req_id = rp.auth_req_id()
    deny(auth_req_id)
    assert rp.poll(auth_req_id).json()["error"] == "access_denied"
