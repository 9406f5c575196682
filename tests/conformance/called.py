"""What ping and push clients share: a token, an endpoint, and time that moves to what is due."""

from datetime import timedelta
from typing import Any

import time_machine
from django.utils import timezone

from django_ciba.due import run_due
from django_ciba.models import AuthenticationRequest, Delivery, Token
from tests import callback_server as endpoint
from tests.callback_server import CallbackServer
from tests.conformance.conftest import RelyingParties
from tests.provider import find
from tests.relying_party import RelyingParty

TOKEN = "8d67dc78-7faa-4d41-aabd-67707b374255"
CALLS = ("ping", "push")
DEADLINE = 2.0  # seconds that one call may take in these tests, on a busy machine too

# What the endpoint answers, one call after the other; how often it is called; how that ends.
FINE, NO = endpoint.status(204), "dead"
RULES: dict[str, tuple[list[endpoint.Answer], int, str]] = {
    "200": ([endpoint.status(200)], 1, "delivered"),
    "204": ([FINE], 1, "delivered"),
    "202": ([endpoint.status(202)], 1, "delivered"),
    "200-with-a-body": ([endpoint.status(200, b'{"error": "no"}')], 1, "delivered"),
    "200-with-a-body-that-never-ends": ([endpoint.slow_body], 1, "delivered"),
    "301": ([endpoint.status(301, Location="/elsewhere"), FINE], 1, NO),
    "302": ([endpoint.status(302, Location="http://10.0.0.1/"), FINE], 1, NO),
    "307": ([endpoint.status(307, Location="/elsewhere"), FINE], 1, NO),
    "400": ([endpoint.status(400), FINE], 1, NO),
    "401": ([endpoint.status(401, WWW_Authenticate="Bearer"), FINE], 1, NO),
    "403": ([endpoint.status(403), FINE], 1, NO),
    "404": ([endpoint.status(404), FINE], 1, NO),
    "410": ([endpoint.status(410), FINE], 1, NO),
    "429": ([endpoint.status(429, Retry_After="3"), FINE], 2, "delivered"),
    "500": ([endpoint.status(500), endpoint.status(503), FINE], 3, "delivered"),
    "reset": ([endpoint.reset, FINE], 2, "delivered"),
    "slow-drip": ([endpoint.slow_drip, FINE], 2, "delivered"),
    "never-answers": ([endpoint.silence, FINE], 2, "delivered"),
    "not-http": ([endpoint.not_http, FINE], 2, "delivered"),
    "500-and-then-401": ([endpoint.status(500), endpoint.status(401), FINE], 2, NO),
}


def site_that_calls(settings: Any, **changes: Any) -> None:
    settings.DJANGO_CIBA = {
        **settings.DJANGO_CIBA,
        "PROMPT_CHANNELS": [],
        "OUTBOUND_ALLOW_LOOPBACK": True,
        "OUTBOUND_DEADLINE": DEADLINE,
        **changes,
    }


def called_client(
    relying_party: RelyingParties, mode: str, callback: CallbackServer
) -> RelyingParty:
    """A client of that delivery mode, to be called at that endpoint."""
    return relying_party(
        backchannel_token_delivery_mode=mode,
        backchannel_client_notification_endpoint=callback.url,
    )


def live(access_token: str) -> bool:
    return Token.objects.live_access_token(access_token, timezone.now()) is not None


def ask(rp: RelyingParty, **changes: Any) -> str:
    """bc-authorize with a good client_notification_token; the auth_req_id."""
    return rp.auth_req_id(**{"client_notification_token": TOKEN, **changes})


def settle() -> None:
    """Sweep whenever a call is due, until none is; and once more, long after."""
    for _ in range(50):
        due = Delivery.objects.filter(kind__in=CALLS, state="due").order_by("due_at").first()
        if due is None:
            break
        with time_machine.travel(max(due.due_at, timezone.now()), tick=True):
            run_due()
    run_due(timezone.now() + timedelta(days=1))


def pass_by(auth_req_id: str) -> None:
    """Sweep when that request has just expired."""
    with time_machine.travel(find(auth_req_id).expires_at, tick=True):
        run_due()


def call_of(auth_req_id: str) -> Delivery:
    return Delivery.objects.get(authentication_request=find(auth_req_id), kind__in=CALLS)


def attempts(delivery: Delivery) -> list[tuple[str, str]]:
    return list(delivery.history.values_list("outcome", "detail"))


def keeps_secrets(auth_req_id: str) -> bool:
    """Whether what a call needs is still stored; both parts, or neither."""
    found: AuthenticationRequest = find(auth_req_id)
    kept = {bool(found.auth_req_id_encrypted), bool(found.client_notification_token)}
    assert len(kept) == 1
    return kept == {True}
