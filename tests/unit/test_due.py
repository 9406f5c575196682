"""What is due is done, once and by anybody; what is past its use is deleted; who listens hears."""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.core import mail
from django.db import connection, transaction
from django.dispatch import Signal
from django.test import Client as HttpClient

from django_ciba import due, signals
from django_ciba.due import cleanup, deliver_task, run_due, run_due_task
from django_ciba.models import (
    AuditEvent,
    AuthenticationRequest,
    Client,
    Delivery,
    DeliveryAttempt,
    DeviceEnrolment,
    Grant,
    MutedClient,
    PasskeyChallenge,
    Token,
    UsedAssertion,
    UsedProof,
)
from django_ciba.prompts import Channel, Prompt
from tests import provider
from tests.asked_often import ASKED_OFTEN
from tests.provider import make_client, make_realm, make_user
from tests.relying_party import RelyingParty
from tests.unit.journeys.arrange import NOON, SEEDS, Answer, Status, after, begin, say, stored

DAY = 86400


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.DJANGO_CIBA = {
        "ISSUER": "https://op.example.com/oauth2",
        "PROMPT_CHANNELS": ["email"],
        "TASK_RUNNER": "none",
        "RETENTION": DAY,
    }


@pytest.fixture
def client(db: None) -> Client:
    return make_client(make_realm(**ASKED_OFTEN))[0]


@pytest.fixture
def alice(db: None) -> AbstractBaseUser:
    return make_user("alice")


Asked = Callable[..., AuthenticationRequest]


@pytest.fixture
def asked(client: Client, alice: AbstractBaseUser) -> Asked:
    """Has alice asked at noon (or at `now`), without a prompt in the outbox."""

    def ask(**changes: Any) -> AuthenticationRequest:
        found = begin(SEEDS, client, alice, **changes)
        found.deliveries.all().delete()
        return found

    return ask


# --- run_due ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_where_nothing_is_due_nothing_is_done() -> None:
    assert run_due(NOON) == 0


def test_what_is_due_is_done_and_nothing_else(client: Client, alice: AbstractBaseUser) -> None:
    prompt = begin(SEEDS, client, alice, now=after(115)).deliveries.get()
    timer = begin(SEEDS, client, alice)
    expiry = begin(SEEDS, client, alice, seconds=100)
    tomorrow = begin(SEEDS, client, alice, now=after(DAY)).deliveries.get()
    Delivery.objects.exclude(pk__in=[prompt.pk, tomorrow.pk]).delete()
    assert run_due(after(99)) == 0
    assert run_due(after(120)) == 3
    prompt.refresh_from_db()
    tomorrow.refresh_from_db()
    assert (prompt.state, tomorrow.state) == ("delivered", "due")
    assert len(mail.outbox) == 1
    assert stored(timer).status == Status.FAILED
    assert (stored(expiry).status, stored(expiry).due_at) == (Status.PENDING, None)
    assert run_due(after(120)) == 0


def test_what_is_due_longest_comes_first_at_most_so_many_of_each_kind(
    client: Client, alice: AbstractBaseUser
) -> None:
    timers = [begin(SEEDS, client, alice, now=after(-second)) for second in range(5)]
    assert run_due(after(120), at_most=2) == 4
    assert [stored(each).status for each in timers] == [
        "pending",
        "pending",
        "pending",
        "failed",
        "failed",
    ]
    states = Delivery.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["due", "due", "due", "withdrawn", "withdrawn"]
    assert run_due(after(120)) == 6


def test_without_a_time_it_is_now(asked: Asked) -> None:
    asked(now=now() - timedelta(seconds=700))
    asked(now=now() - timedelta(seconds=60))
    assert run_due() == 1


class Tedious(Channel):
    """Takes its time, as a mail server does that is far away."""

    def reaches(self, user: AbstractBaseUser) -> bool:
        return True

    def send(self, prompt: Prompt) -> None:
        time.sleep(0.3)


def test_a_sweep_leaves_the_rest_to_the_next_when_its_time_is_up(
    client: Client, alice: AbstractBaseUser, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its task's time limit would kill a worker in the middle of a message."""
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "PROMPT_CHANNELS": [f"{__name__}.Tedious"]}
    for _ in range(3):
        begin(SEEDS, client, alice, now=now())
    AuthenticationRequest.objects.update(likeness="")  # else alice would be told once
    monkeypatch.setattr(due, "SWEEP_SECONDS", 0.2)
    for left in (2, 1, 0):
        run_due_task()
        assert Delivery.objects.filter(state="due").count() == left
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {1}
    assert run_due_task.soft_time_limit > due.SWEEP_SECONDS


def test_a_row_that_fails_does_not_keep_the_others_waiting(
    asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    bad, good = asked(now=after(-1)), asked()
    AuthenticationRequest.objects.filter(pk=bad.pk).update(node="gone")
    assert run_due(after(120)) == 1
    assert stored(good).status == Status.FAILED
    assert caplog.messages == [f"what was due for row {bad.pk} failed"]
    assert stored(bad).status == Status.PENDING


def test_an_expiry_is_noted_once(asked: Asked, heard: "Heard") -> None:
    found = asked(seconds=60)
    assert run_due(after(60)) == 1
    assert run_due(after(61)) == 0
    assert heard.names == ["request_expired"]
    assert heard.requests == [found]


def test_an_answered_request_does_not_expire(asked: Asked, heard: "Heard") -> None:
    say(asked(seconds=60), Answer.APPROVED, after(10))
    assert run_due(after(60)) == 0
    assert heard.names == ["request_approved"]


def test_at_its_expiry_a_request_forgets_what_it_would_have_sent(asked: Asked) -> None:
    found = asked(seconds=60)
    found.auth_req_id_encrypted, found.client_notification_token = "a secret", "another"
    found.save()
    run_due(after(60))
    assert stored(found).auth_req_id_encrypted == ""
    assert stored(found).client_notification_token == ""


# --- the tasks ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "name"),
    [
        (deliver_task, "django_ciba.deliver"),
        (run_due_task, "django_ciba.run_due"),
    ],
)
def test_a_killed_workers_task_comes_back(task: Any, name: str) -> None:
    assert task.name == name
    assert (task.acks_late, task.reject_on_worker_lost, task.ignore_result) == (True, True, True)
    assert 0 < task.soft_time_limit < task.time_limit


def test_a_wake_up_delivers_one_and_no_other(client: Client, alice: AbstractBaseUser) -> None:
    first, second = (begin(SEEDS, client, alice, now=now()).deliveries.get() for _ in range(2))
    deliver_task(first.pk)
    deliver_task(first.pk)
    assert len(mail.outbox) == 1
    second.refresh_from_db()
    assert second.state == "due"


def test_the_sweep_walks_every_timer_that_is_due(asked: Asked) -> None:
    due = [asked(now=now() - timedelta(seconds=120)) for _ in range(2)]
    later = asked(now=now())
    run_due_task()
    assert [stored(each).status for each in (*due, later)] == [
        Status.FAILED,
        Status.FAILED,
        Status.PENDING,
    ]


def now() -> datetime:
    return datetime.now(tz=NOON.tzinfo)


# --- cleanup ------------------------------------------------------------------------------------


def bulk(like: AuthenticationRequest, number: int, expires_at: datetime) -> None:
    """So many more requests that expire at that time, each with a delivery and an attempt."""
    fields = [each.attname for each in AuthenticationRequest._meta.fields]
    skipped = ("id", "public_id", "auth_req_id_digest", "expires_at", "due_at")
    values = {name: getattr(like, name) for name in fields if name not in skipped}
    rows = AuthenticationRequest.objects.bulk_create(
        AuthenticationRequest(
            **values, expires_at=expires_at, auth_req_id_digest=f"{expires_at}{number}", due_at=None
        )
        for number in range(number)
    )
    deliveries = Delivery.objects.bulk_create(
        Delivery(
            authentication_request=row,
            kind="prompt",
            channel="email",
            due_at=NOON,
            created_at=NOON,
            state="delivered",
        )
        for row in rows
    )
    DeliveryAttempt.objects.bulk_create(
        DeliveryAttempt(delivery=delivery, number=1, at=NOON, outcome="delivered")
        for delivery in deliveries
    )


def deleted(now: datetime) -> dict[str, int]:
    """What a cleanup at that time has deleted, by name, and nothing of what it has not."""
    return {name: number for name, number in cleanup(now).items() if number}


@pytest.mark.django_db
def test_where_nothing_is_past_its_use_nothing_is_deleted() -> None:
    assert deleted(NOON) == {}


def test_requests_are_kept_for_the_retention_and_not_a_moment_longer(asked: Asked) -> None:
    found = asked(seconds=60)
    run_due(after(60))
    end = after(60 + DAY)
    assert deleted(end) == {}
    assert deleted(end + timedelta(microseconds=1)) == {"authentication_requests": 1}
    assert not AuthenticationRequest.objects.filter(pk=found.pk).exists()


def test_five_thousand_are_deleted_in_batches_with_all_that_hangs_on_them(asked: Asked) -> None:
    kept = asked()
    bulk(kept, 5000, after(-2 * DAY))
    bulk(kept, 10, after(-DAY / 2))
    deletes: list[int] = []

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if sql.startswith('DELETE FROM "django_ciba_authenticationrequest"'):
            deletes.append(context["cursor"].rowcount)
        return result

    with connection.execute_wrapper(count):
        assert deleted(NOON) == {"authentication_requests": 5000}
    assert sum(deletes) == 5000
    assert max(deletes) <= 1000
    assert AuthenticationRequest.objects.count() == 11
    assert Delivery.objects.count() == 10
    assert DeliveryAttempt.objects.count() == 10


def relying_party(client: Client) -> RelyingParty:
    rp = RelyingParty(
        http=HttpClient(),
        client=client,
        issuer=client.realm.issuer,
        mount="/oauth2/",
        key=provider.key("ES256", "client"),
        secret=client.new_secret(),
    )
    client.save()
    return rp


def test_tokens_are_kept_for_the_retention_and_their_grant_as_long_as_one_of_them(
    client: Client, alice: AbstractBaseUser
) -> None:
    rp = relying_party(client)
    auth_req_id = rp.auth_req_id()
    provider.approve(auth_req_id)
    assert rp.poll(auth_req_id).status_code == 200
    access, refresh = Token.objects.order_by("kind")
    moment = timedelta(microseconds=1)
    retention = timedelta(days=1)
    assert deleted(access.expires_at + retention) == {"authentication_requests": 1}
    assert Grant.objects.get().authentication_request is None
    assert deleted(access.expires_at + retention + moment) == {"tokens": 1}
    assert deleted(refresh.expires_at + retention) == {}
    gone = deleted(refresh.expires_at + retention + moment)
    assert gone == {"tokens": 1, "grants": 1}


def test_a_request_under_way_outlives_every_cleanup(asked: Asked) -> None:
    found = asked()
    deleted(after(599))
    assert stored(found).status == Status.PENDING


def test_a_used_assertion_is_kept_until_it_can_be_used_no_more(
    client: Client, settings: Any
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "CLOCK_LEEWAY": 30, "RETENTION": 0}
    assert UsedAssertion.objects.consume(client, "once", NOON.timestamp())
    assert deleted(after(30)) == {}
    assert not UsedAssertion.objects.consume(client, "once", NOON.timestamp())
    assert deleted(after(30) + timedelta(microseconds=1)) == {"used_assertions": 1}


@pytest.mark.django_db
def test_a_used_proof_is_kept_until_nobody_would_take_it_any_more() -> None:
    jkt = "A" * 43
    assert UsedProof.objects.consume(jkt, "once", NOON)
    assert deleted(after(30)) == {}
    assert not UsedProof.objects.consume(jkt, "once", NOON)
    assert UsedProof.objects.consume("B" * 43, "once", after(DAY))
    assert deleted(after(30) + timedelta(microseconds=1)) == {"used_proofs": 1}


@pytest.mark.django_db
def test_a_request_is_kept_while_a_limit_counts_it(asked: Asked, settings: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "RETENTION": 0, "COOL_DOWN": 900}
    asked(seconds=60)
    assert deleted(after(960)) == {}
    assert deleted(after(960.000001)) == {"authentication_requests": 1}


@pytest.mark.django_db
def test_the_longest_memory_of_any_realm_counts(client: Client, asked: Asked) -> None:
    client.realm.settings = {"cool_down": 7 * DAY}
    client.realm.save()
    asked(seconds=60)
    assert deleted(after(60 + 7 * DAY)) == {}
    assert deleted(after(60.000001 + 7 * DAY)) == {"authentication_requests": 1}


@pytest.mark.django_db
def test_a_mute_goes_when_it_has_run_out_and_one_without_an_end_stays(
    client: Client, alice: AbstractBaseUser
) -> None:
    for number, until in enumerate((after(60), None)):
        of, _ = make_client(client.realm, client_id=str(number))
        MutedClient.objects.mute(alice, of, because="muted", now=NOON, until=until)
    assert deleted(after(60)) == {}
    assert deleted(after(60.000001)) == {"muted_clients": 1}
    assert deleted(after(9999 * DAY)) == {}


@pytest.mark.django_db
def test_what_was_begun_on_a_device_and_not_finished_goes(alice: AbstractBaseUser) -> None:
    PasskeyChallenge.objects.create(user_id=alice.pk, nonce="n", expires_at=after(60))
    DeviceEnrolment.objects.start(alice, NOON, 60)
    assert deleted(after(60)) == {}
    gone = {"passkey_challenges": 1, "device_enrolments": 1}
    assert deleted(after(60.000001)) == gone


@pytest.mark.django_db
def test_audit_events_are_kept_for_their_own_retention(
    alice: AbstractBaseUser, settings: Any
) -> None:
    AuditEvent.objects.note(AuditEvent.Event.DEVICE_ADDED, NOON, user_id=alice.pk)
    assert deleted(after(400 * DAY)) == {}
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "AUDIT_RETENTION": 7 * DAY}
    assert deleted(after(7 * DAY)) == {}
    assert deleted(after(7 * DAY + 0.000001)) == {"audit_events": 1}


def test_a_retired_key_is_kept_while_somebody_may_verify_by_it(
    client: Client, settings: Any
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "RETIRED_KEYS_KEPT": 7 * DAY}
    keys = client.realm.signing_keys
    keys.filter(alg="ES256").update(state="retired", retired_at=NOON)
    assert deleted(after(7 * DAY)) == {}
    assert deleted(after(7 * DAY) + timedelta(microseconds=1)) == {"signing_keys": 1}
    assert set(keys.values_list("alg", flat=True)) == {"RS256", "PS256", "EdDSA"}


# --- signals ------------------------------------------------------------------------------------

NAMES = (
    "request_created",
    "request_approved",
    "request_denied",
    "request_failed",
    "request_expired",
    "request_redeemed",
)


class Heard:
    """Which signals came, in order, and of which requests."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.requests: list[AuthenticationRequest] = []
        self.statuses: list[str] = []

    def listen(self, name: str) -> Callable[..., None]:
        def receiver(
            signal: Signal,
            sender: Any,
            authentication_request: AuthenticationRequest,
            **more: Any,
        ) -> None:
            assert signal is getattr(signals, name)
            assert sender is AuthenticationRequest
            assert more == {}
            self.names.append(name)
            self.requests.append(authentication_request)
            self.statuses.append(stored(authentication_request).status)

        return receiver


@pytest.fixture
def heard(transactional_db: None) -> Iterator[Heard]:
    """Listens to every signal; they come after a commit, so there must be real ones."""
    found = Heard()
    receivers = {name: found.listen(name) for name in NAMES}
    for name, receiver in receivers.items():
        getattr(signals, name).connect(receiver)
    yield found
    for name, receiver in receivers.items():
        assert getattr(signals, name).disconnect(receiver)


def test_each_step_of_a_flow_is_told_once_it_is_stored(
    heard: Heard, client: Client, alice: AbstractBaseUser
) -> None:
    rp = relying_party(client)
    auth_req_id = rp.auth_req_id()
    provider.approve(auth_req_id)
    rp.poll(auth_req_id)
    assert heard.names == ["request_created", "request_approved", "request_redeemed"]
    assert heard.statuses == ["pending", "authorized", "redeemed"]
    assert {each.pk for each in heard.requests} == {provider.find(auth_req_id).pk}


def test_a_denial_and_a_failure_are_told(heard: Heard, asked: Asked) -> None:
    say(asked(), Answer.DENIED, after(5))
    asked()
    run_due(after(120))
    assert heard.names == ["request_denied", "request_failed"]
    assert heard.statuses == ["denied", "failed"]


def test_what_receivers_are_given_is_as_it_was_stored(heard: Heard, asked: Asked) -> None:
    say(asked(), Answer.APPROVED, after(5))
    (given,) = heard.requests
    assert (given.status, given.answer, given.ended_at) == ("authorized", "approved", after(5))
    assert given.user is not None


def test_nothing_is_told_of_what_is_rolled_back(heard: Heard, asked: Asked) -> None:
    found = asked()
    with transaction.atomic():
        say(found, Answer.APPROVED, after(5))
        assert heard.names == []
        transaction.set_rollback(True)
    assert heard.names == []
    assert stored(found).status == Status.PENDING


@pytest.mark.parametrize("name", NAMES)
def test_a_receiver_that_raises_changes_nothing(
    heard: Heard,
    client: Client,
    alice: AbstractBaseUser,
    asked: Asked,
    name: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(**given: Any) -> None:
        raise RuntimeError("the site's audit log is full")

    signal: Signal = getattr(signals, name)
    signal.connect(broken)
    try:
        rp = relying_party(client)
        auth_req_id = rp.auth_req_id()
        assert provider.approve(auth_req_id).status == "authorized"
        assert rp.poll(auth_req_id).status_code == 200
        say(asked(), Answer.DENIED, after(5))
        asked()
        asked(seconds=60)
        Delivery.objects.all().delete()
        assert run_due(after(120)) == 2
    finally:
        signal.disconnect(broken)
    assert sorted(heard.names) == sorted(NAMES)
    assert "the site's audit log is full" in caplog.text
