"""What looks the same to its user is one question: shown once, told once, answered once."""

from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection

from django_ciba.due import run_due
from django_ciba.journeys import (
    NotAnswerable,
    PasscodeRefused,
    enter_passcode,
    mute,
    report,
    unmute,
    walk_due,
)
from django_ciba.journeys import answer as answered
from django_ciba.journeys.demand import Evidence
from django_ciba.models import AuditEvent, AuthenticationRequest, Client, Delivery, MutedClient
from tests.provider import make_client, make_user
from tests.unit.journeys.arrange import SEEDS, Answer, Status, after, begin, say, seeds, stored
from tests.unit.journeys.site_channels import with_channels
from tests.unit.journeys.test_nodes import carried, passcode

pytestmark = pytest.mark.django_db
AT_CLIENT = {"entered_at": "relying_party"}


@pytest.fixture
def three(client: Client, alice: AbstractBaseUser) -> list[AuthenticationRequest]:
    """Asked three times for one thing."""
    return [begin(SEEDS, client, alice, now=after(second)) for second in range(3)]


def statuses(rows: list[AuthenticationRequest]) -> list[str]:
    return [stored(each).status for each in rows]


def waiting(user: AbstractBaseUser) -> list[AuthenticationRequest]:
    rows = AuthenticationRequest.objects.waiting_for(user, after(10))
    return list(rows.times_asked(after(10)))


def test_the_newest_is_shown_and_says_how_often(
    three: list[AuthenticationRequest], alice: AbstractBaseUser
) -> None:
    (shown,) = waiting(alice)
    assert shown.pk == three[2].pk
    assert shown.times_asked == 3  # type: ignore[attr-defined]


def test_what_differs_is_shown_besides(
    three: list[AuthenticationRequest], client: Client, alice: AbstractBaseUser
) -> None:
    bank, _ = make_client(client.realm, client_id="bank")
    other = begin(SEEDS, bank, alice)
    rows = {row.pk: row.times_asked for row in waiting(alice)}  # type: ignore[attr-defined]
    assert rows == {three[2].pk: 3, other.pk: 1}


def test_one_user_is_not_asked_less_because_another_is_asked_the_same(
    three: list[AuthenticationRequest], client: Client
) -> None:
    bob = make_user("bob")
    own = begin(SEEDS, client, bob)
    assert [row.pk for row in waiting(bob)] == [own.pk]


def test_a_request_without_a_likeness_is_like_no_other(
    three: list[AuthenticationRequest], alice: AbstractBaseUser
) -> None:
    """As they were before this was kept."""
    AuthenticationRequest.objects.update(likeness="")
    assert len(waiting(alice)) == 3
    assert {row.times_asked for row in waiting(alice)} == {1}  # type: ignore[attr-defined]
    say(three[0], Answer.DENIED, after(10))
    assert statuses(three) == ["denied", "pending", "pending"]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_denial_denies_them_all(three: list[AuthenticationRequest], which: int) -> None:
    say(three[which], Answer.DENIED, after(10))
    assert statuses(three) == [Status.DENIED] * 3
    assert {stored(each).answered_at for each in three} == {after(10)}
    assert AuditEvent.objects.filter(event="denied").count() == 3


def test_an_approval_approves_what_was_shown_and_withdraws_the_older(
    three: list[AuthenticationRequest], client: Client
) -> None:
    say(three[2], Answer.APPROVED, after(10))
    assert statuses(three) == ["cancelled", "cancelled", "authorized"]
    assert not Delivery.objects.filter(
        authentication_request__in=three[:2], state=Delivery.State.DUE
    ).exists()


def test_an_approval_of_an_older_one_leaves_the_newer_to_be_answered(
    three: list[AuthenticationRequest],
) -> None:
    say(three[1], Answer.APPROVED, after(10))
    assert statuses(three) == ["cancelled", "authorized", "pending"]


def test_a_report_denies_them_all_and_the_client_is_muted_once(
    three: list[AuthenticationRequest],
) -> None:
    assert report(three[0], now=after(10))
    assert statuses(three) == [Status.DENIED] * 3
    assert MutedClient.objects.count() == 1
    assert AuditEvent.objects.filter(event="reported").count() == 1


def test_a_report_of_one_that_has_ended_denies_what_waits_and_looks_the_same(
    three: list[AuthenticationRequest],
) -> None:
    AuthenticationRequest.objects.cancel(three[2].pk, after(9))
    assert report(three[2], now=after(10))
    assert statuses(three) == ["denied", "denied", "cancelled"]


def test_a_wrong_number_is_no_chance_to_guess_at_the_next(
    client: Client, alice: AbstractBaseUser
) -> None:
    document = seeds(
        send={
            "type": "PushSender",
            "config": {"push_type": "challenge"},
            "outcomes": {"sent": "verify", "not_registered": "@failure"},
        }
    )
    rows = [begin(document, client, alice, now=after(second)) for second in range(3)]
    AuthenticationRequest.objects.update(number="42")
    for _ in range(rows[2].demand.get("tries", 1)):
        with pytest.raises(NotAnswerable):
            answered(
                rows[2],
                Answer.APPROVED,
                now=after(10),
                authenticated_at=after(9),
                amr=["pwd"],
                evidence=Evidence(number="43"),
            )
    assert statuses(rows) == [Status.FAILED] * 3
    assert waiting(alice) == []


@pytest.mark.parametrize("which", [0, 1])
def test_a_denial_of_what_is_asked_at_the_client_denies_what_looks_the_same(
    client: Client, alice: AbstractBaseUser, settings: Any, which: int
) -> None:
    """The passcode of the other would still be good."""
    with_channels(settings, "email")
    rows = [begin(passcode(AT_CLIENT), client, alice, now=after(second)) for second in range(2)]
    code = carried(rows[1 - which], "passcode")
    say(rows[which], Answer.DENIED, after(10))
    assert statuses(rows) == [Status.DENIED] * 2
    assert AuditEvent.objects.filter(event="denied").count() == 2
    with pytest.raises(PasscodeRefused, match="over"):
        enter_passcode(rows[1 - which], code, now=after(11), amr=["otp"])


def test_a_denial_in_the_inbox_denies_what_looks_the_same_and_is_asked_at_the_client(
    client: Client, alice: AbstractBaseUser, settings: Any
) -> None:
    with_channels(settings, "email")
    rows = [begin(each, client, alice) for each in (passcode(AT_CLIENT), SEEDS)]
    say(rows[1], Answer.DENIED, after(10))
    assert statuses(rows) == [Status.DENIED] * 2


def test_an_approval_leaves_what_is_asked_at_the_client(
    client: Client, alice: AbstractBaseUser, settings: Any
) -> None:
    """Its client waits for a passcode of its own."""
    with_channels(settings, "email")
    rows = [begin(passcode(AT_CLIENT), client, alice, now=after(second)) for second in range(2)]
    enter_passcode(rows[1], carried(rows[1], "passcode"), now=after(10), amr=["otp"])
    assert statuses(rows) == ["pending", "authorized"]


def test_a_denial_leaves_what_has_failed_and_is_left_to_run_out(
    client: Client, alice: AbstractBaseUser
) -> None:
    """Nobody is asked any more, and its client is not to learn that anybody was."""
    client.hide_unknown_users = True
    client.save()
    rows = [begin(SEEDS, client, alice, now=after(second)) for second in (0, 100)]
    assert walk_due(rows[0].pk, after(120))
    say(rows[1], Answer.DENIED, after(130))
    assert statuses(rows) == ["pending", "denied"]
    assert stored(rows[0]).answer == ""


def test_an_answer_that_comes_too_late_changes_nothing_of_what_is_like_it(
    three: list[AuthenticationRequest],
) -> None:
    AuthenticationRequest.objects.cancel(three[2].pk, after(9))
    with pytest.raises(NotAnswerable, match="ended"):
        say(three[2], Answer.DENIED, after(10))
    assert statuses(three) == ["pending", "pending", "cancelled"]


def test_the_user_is_told_once(
    three: list[AuthenticationRequest], settings: Any, mailoutbox: list[Any]
) -> None:
    run_due(after(10))
    mails = Delivery.objects.filter(channel="email").order_by("pk")
    assert [each.state for each in mails] == ["delivered", "withdrawn", "withdrawn"]
    assert mails[1].problem == "the user has been told of one that looks the same"
    assert len(mailoutbox) == 1


def test_the_user_is_told_again_when_the_first_has_run_out(
    client: Client, alice: AbstractBaseUser, mailoutbox: list[Any]
) -> None:
    begin(SEEDS, client, alice)
    run_due(after(1))
    begin(SEEDS, client, alice, now=after(119))
    run_due(after(119))
    assert len(mailoutbox) == 1
    begin(SEEDS, client, alice, now=after(239))
    run_due(after(239))
    assert len(mailoutbox) == 2


def test_the_user_is_told_when_the_message_before_was_lost(
    client: Client, alice: AbstractBaseUser, mailoutbox: list[Any]
) -> None:
    begin(SEEDS, client, alice)
    Delivery.objects.update(state=Delivery.State.DEAD)
    begin(SEEDS, client, alice, now=after(1))
    run_due(after(2))
    assert len(mailoutbox) == 1


def test_what_carries_a_secret_is_sent_each_time(
    client: Client, alice: AbstractBaseUser, mailoutbox: list[Any]
) -> None:
    begin(SEEDS, client, alice)
    run_due(after(1))
    second = begin(SEEDS, client, alice, now=after(2))
    for each in second.deliveries.all():
        each.payload = '{"passcode": "246810"}'
        each.save()
    run_due(after(3))
    assert len(mailoutbox) == 2


# --- muting -------------------------------------------------------------------------------------


def test_a_user_mutes_a_client_and_lets_it_again(client: Client, alice: AbstractBaseUser) -> None:
    mute(alice, client, now=after(0), until=after(60))
    assert MutedClient.objects.live(after(59)).get().client == client
    assert not MutedClient.objects.live(after(60)).exists()
    assert unmute(alice, client, now=after(10))
    assert not unmute(alice, client, now=after(11))
    assert [(str(each.event), each.detail) for each in AuditEvent.objects.order_by("pk")] == [
        ("client_muted", {"until": after(60).isoformat()}),
        ("client_unmuted", {}),
    ]
    assert {each.user_id for each in AuditEvent.objects.all()} == {alice.pk}


def test_a_mute_without_an_end_outlasts_one_with(client: Client, alice: AbstractBaseUser) -> None:
    mute(alice, client, now=after(0), until=after(60))
    mute(alice, client, now=after(1))
    mute(alice, client, now=after(2), until=after(90))
    assert MutedClient.objects.get().until is None


@pytest.mark.parametrize("until", [None, 90])
def test_of_two_mutes_at_once_the_longer_holds(
    client: Client, alice: AbstractBaseUser, until: int | None
) -> None:
    """The shorter one lands between the other's UPDATE, which finds no row, and its INSERT."""
    meanwhile = [after(60)]

    def overtaken(execute: Any, sql: str, *rest: Any) -> Any:
        if meanwhile and sql.startswith("INSERT") and MutedClient._meta.db_table in sql:
            mute(alice, client, now=after(0), until=meanwhile.pop())
        return execute(sql, *rest)

    longer = None if until is None else after(until)
    with connection.execute_wrapper(overtaken):
        mute(alice, client, now=after(0), until=longer)
    assert not meanwhile
    assert MutedClient.objects.get().until == longer
