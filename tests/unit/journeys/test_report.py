"""This was not me: whatever state the request is in, it gives nothing, and its client is muted."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser

from django_ciba import signals
from django_ciba.journeys import report, walk_due
from django_ciba.models import (
    AuditEvent,
    AuthenticationRequest,
    Client,
    Delivery,
    Grant,
    MutedClient,
    Token,
)
from tests.unit.journeys.arrange import (
    NOON,
    SEEDS,
    Answer,
    Status,
    after,
    begin,
    say,
    seeds,
    stored,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def heard(django_capture_on_commit_callbacks: Any) -> Any:
    """Reports, and gives back what the call said and which signals went out after it."""

    def run(found: AuthenticationRequest, now: Any) -> tuple[bool, list[str]]:
        sent: list[str] = []

        def denied(**kwargs: Any) -> None:
            sent.append("denied")

        def reported(**kwargs: Any) -> None:
            assert kwargs["authentication_request"].pk == found.pk
            sent.append("reported")

        signals.request_denied.connect(denied)
        signals.request_reported.connect(reported)
        try:
            with django_capture_on_commit_callbacks(execute=True):
                came = report(found, now=now)
                assert sent == []
        finally:
            signals.request_denied.disconnect(denied)
            signals.request_reported.disconnect(reported)
        return came, sent

    return run


def events() -> list[str]:
    return [str(each.event) for each in AuditEvent.objects.order_by("pk")]


def test_a_request_that_waits_is_denied_and_its_client_is_muted(
    client: Client, alice: AbstractBaseUser, heard: Any
) -> None:
    found = begin(SEEDS, client, alice)
    assert heard(found, after(30)) == (True, ["denied", "reported"])
    now = stored(found)
    assert (now.status, now.answer, now.reported_at) == (Status.DENIED, Answer.DENIED, after(30))
    muted = MutedClient.objects.get()
    assert (muted.user_id, muted.client, muted.because) == (alice.pk, client, "reported")
    assert muted.until == after(30) + DAY
    assert events() == ["denied", "reported"]
    assert AuditEvent.objects.get(event="reported").public_id == found.public_id


def test_a_report_made_twice_is_one(client: Client, alice: AbstractBaseUser, heard: Any) -> None:
    found = begin(SEEDS, client, alice)
    report(found, now=after(30))
    assert heard(found, after(90)) == (False, [])
    assert events() == ["denied", "reported"]
    assert MutedClient.objects.get().until == after(30) + DAY


def test_the_realm_says_how_long_a_report_mutes(client: Client, alice: AbstractBaseUser) -> None:
    client.realm.settings = {"report_mute": 60}
    client.realm.save()
    report(begin(SEEDS, client, alice), now=after(30))
    assert MutedClient.objects.get().until == after(90)


@pytest.mark.parametrize("until", [None, NOON + 2 * DAY])
def test_a_longer_mute_stands(client: Client, alice: AbstractBaseUser, until: Any) -> None:
    found = begin(SEEDS, client, alice)
    MutedClient.objects.mute(alice, client, because="muted", now=NOON, until=until)
    report(found, now=after(30))
    muted = MutedClient.objects.get()
    assert (muted.because, muted.until) == ("muted", until)


def test_a_shorter_mute_becomes_longer(client: Client, alice: AbstractBaseUser) -> None:
    found = begin(SEEDS, client, alice)
    MutedClient.objects.mute(alice, client, because="muted", now=NOON, until=after(60))
    report(found, now=after(30))
    muted = MutedClient.objects.get()
    assert (muted.because, muted.until) == ("reported", after(30) + DAY)


def test_an_approval_that_has_given_no_tokens_yet_becomes_a_denial(
    client: Client, alice: AbstractBaseUser, heard: Any
) -> None:
    found = begin(SEEDS, client, alice)
    say(found, Answer.APPROVED, after(20))
    assert heard(found, after(30)) == (True, ["denied", "reported"])
    now = stored(found)
    assert (now.status, now.answer) == (Status.DENIED, Answer.DENIED)
    assert events() == ["approved", "denied", "reported"]


def test_an_approval_that_a_later_step_waits_on_becomes_a_denial(
    client: Client, alice: AbstractBaseUser
) -> None:
    document = seeds(
        verify={
            "type": "PushResultVerifier",
            "outcomes": {
                "success": "pause",
                "failure": "@failure",
                "expired": "@failure",
                "waiting": "wait",
            },
        },
        pause={"type": "PollingWait", "config": {"seconds": 60}, "outcomes": {"done": "@success"}},
    )
    found = begin(document, client, alice)
    say(found, Answer.APPROVED, after(20))
    assert stored(found).status == Status.PENDING
    assert report(found, now=after(30))
    assert stored(found).status == Status.DENIED
    assert not walk_due(found.pk, after(90))


def test_a_client_that_is_called_hears_of_it_once(client: Client, alice: AbstractBaseUser) -> None:
    client.backchannel_token_delivery_mode = "ping"
    client.save()
    found = begin(SEEDS, client, alice)
    found.auth_req_id_encrypted, found.client_notification_token = "name", "token"
    found.save()
    say(found, Answer.APPROVED, after(20))
    report(found, now=after(30))
    assert Delivery.objects.filter(kind="ping").count() == 1


def test_the_tokens_of_an_approval_by_mistake_end(client: Client, alice: AbstractBaseUser) -> None:
    found = say(begin(SEEDS, client, alice), Answer.APPROVED, after(20))
    grant = Grant(
        authentication_request=found,
        client=client,
        user_id=alice.pk,
        subject="alice",
        scope="openid",
        authenticated_at=after(10),
        created_at=after(21),
    )
    token = Token(
        kind=Token.Kind.ACCESS,
        digest="d",
        scope="openid",
        created_at=after(21),
        expires_at=after(99),
    )
    assert Grant.objects.redeem(grant, [token], after(21))
    assert report(found, now=after(30))
    assert Grant.objects.get().revoked_at == after(30)
    assert stored(found).status == Status.REDEEMED
    assert events() == ["approved", "reported"]


@pytest.mark.parametrize("end", ["denied", "cancelled", "expired"])
def test_a_request_that_has_ended_is_reported_as_it_stands(
    client: Client, alice: AbstractBaseUser, heard: Any, end: str
) -> None:
    found = begin(SEEDS, client, alice)
    if end == "denied":
        say(found, Answer.DENIED, after(20))
    elif end == "cancelled":
        AuthenticationRequest.objects.cancel(found.pk, after(20))
    status = stored(found).status
    assert heard(found, after(700)) == (True, ["reported"])
    assert stored(found).status == status
    assert MutedClient.objects.live(after(701)).exists()


def test_a_request_for_nobody_has_nobody_to_report_it(client: Client) -> None:
    assert not report(begin(SEEDS, client, None), now=after(30))
    assert events() == []
    assert not MutedClient.objects.exists()
