"""Pings and pushes as operators see them: every attempt, no secret, and what can be sent again."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from django_ciba.models import AuthenticationRequest, Client, Delivery, DeliveryAttempt
from tests.unit.admin.arrange import House, act, furnish, make_delivery, make_request, page, said
from tests.unit.admin.conftest import LogIn

Status = AuthenticationRequest.Status
PAYLOAD = '{"access_token": "an-access-token-that-nobody-may-see"}'


def dead(request: AuthenticationRequest, kind: str, **changes: Any) -> Delivery:
    now = timezone.now()
    values = {"kind": kind, "channel": "", "state": "dead", "ended_at": now, **changes}
    return make_delivery(request, **values)


@pytest.fixture
def called(house: House) -> Client:
    """A client of the house that is called."""
    client: Client = house.client
    client.backchannel_token_delivery_mode = "ping"
    client.backchannel_client_notification_endpoint = "https://rp.example.com/ping"
    client.save()
    return client


def answered(house: House, **changes: Any) -> AuthenticationRequest:
    now = timezone.now()
    return make_request(
        house.client,
        house.first(AuthenticationRequest).user,
        auth_req_id_encrypted="the-auth-req-id",
        client_notification_token="the-notification-token",
        answer="approved",
        answered_at=now,
        authenticated_at=now,
        **{"status": Status.AUTHORIZED, **changes},
    )


def test_a_dead_ping_is_sent_again(house: House, log_in: LogIn) -> None:
    ping = dead(answered(house), "ping")
    browser = log_in("view_delivery", "change_delivery")
    assert said(act(browser, "send_again", ping)) == ["Made 1 delivery due again."]
    ping.refresh_from_db()
    assert ping.state == "due"


def test_a_dead_push_of_tokens_is_not_and_the_operator_reads_why(
    house: House, log_in: LogIn
) -> None:
    """Its tokens have been revoked: sending them would tell the client of a success it has not."""
    push = dead(answered(house, status=Status.REDEEMED), "push")
    failure = dead(make_request(house.client, None, status=Status.DENIED, answer="denied"), "push")
    browser = log_in("view_delivery", "change_delivery")
    assert said(act(browser, "send_again", push, failure)) == [
        "Made 1 delivery due again.",
        (
            "1 push of tokens cannot be sent again: they were revoked when it died. The client "
            "has to start a new authentication request."
        ),
    ]
    push.refresh_from_db()
    failure.refresh_from_db()
    assert (push.state, failure.state) == ("dead", "due")
    other = dead(answered(house, status=Status.REDEEMED), "push")
    assert said(act(browser, "send_again", push, other)) == [
        (
            "2 pushes of tokens cannot be sent again: they were revoked when these died. The "
            "clients have to start new authentication requests."
        )
    ]


def test_pages_show_every_attempt_and_nothing_secret(house: House, admin_client: Browser) -> None:
    request = answered(house)
    push = dead(request, "push", payload=PAYLOAD, problem="the client answered with status 401")
    for number, outcome in enumerate(("retry", "dead"), 1):
        detail = f"the client answered with status {400 + number}"
        DeliveryAttempt.objects.create(
            delivery=push, number=number, at=push.created_at, outcome=outcome, detail=detail
        )
    addresses = [
        page(Delivery, "changelist"),
        page(Delivery, "change", push.pk),
        page(Delivery, "history", push.pk),
        page(AuthenticationRequest, "change", request.pk),
    ]
    shown = [admin_client.get(each).content.decode() for each in addresses]
    assert '<span title="push to the client">push</span>' in shown[0]
    assert "the client answered with status 401" in shown[1]
    assert "the client answered with status 402" in shown[1]
    for secret in ("an-access-token", "the-auth-req-id", "the-notification-token"):
        assert [each for each in shown if secret in each] == []


def test_a_request_that_an_operator_cancels_is_pinged(
    house: House, called: Client, log_in: LogIn
) -> None:
    furnish(house, "bob")
    waiting: Any = house.rows[AuthenticationRequest][-1]
    browser = log_in("view_authenticationrequest", "change_authenticationrequest")
    assert said(act(browser, "cancel", waiting)) == ["Cancelled 1 request."]
    ping = Delivery.objects.get(authentication_request=waiting, kind="ping")
    assert (ping.state, ping.channel, ping.payload) == ("due", "", "")
    assert ping.due_at <= timezone.now() + timedelta(seconds=1)
