"""Deliveries: claimed, sent, recorded, tried again, given up; and the wake-ups that hurry them."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_django
from celery import current_app
from django.conf import settings as site_settings
from django.contrib.auth.models import AbstractBaseUser
from django.core import mail
from django.db import connections, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from django_ciba.due import run_due
from django_ciba.models import AuthenticationRequest, Client, Delivery, DeliveryAttempt
from django_ciba.outbox import Ending, GiveUp, TryAgain, Withdrawn, deliver, wake_up
from django_ciba.outbox.wake_up import DELIVER
from django_ciba.outbox.worker import retry_after
from tests.provider import make_client, make_realm, make_user
from tests.unit.journeys.arrange import SEEDS, Answer, begin, say

LEASE = 30
SECRET = "p4ssw0rd-of-the-mail-server"
Sender = Callable[[Delivery, datetime], None]


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.DJANGO_CIBA = {
        "ISSUER": "https://op.example.com/oauth2",
        "PROMPT_CHANNELS": ["email"],
        "DELIVERY_LEASE": LEASE,
        "TASK_RUNNER": "none",
    }


@pytest.fixture
def client(db: None) -> Client:
    return make_client(make_realm())[0]


@pytest.fixture
def alice(db: None) -> AbstractBaseUser:
    return make_user("alice")


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def asked(client: Client, alice: AbstractBaseUser, now: datetime) -> AuthenticationRequest:
    """A request that waits for alice, and has one e-mail in the outbox."""
    return begin(SEEDS, client, alice, now=now)


@pytest.fixture
def delivery(asked: AuthenticationRequest) -> Delivery:
    return asked.deliveries.get()


class Post:
    """A sender that keeps what it was given, and ends as it was told to."""

    def __init__(self, *ends: BaseException | None) -> None:
        self.ends = list(ends)
        self.sent: list[int] = []

    def __call__(self, delivery: Delivery, now: datetime) -> None:
        self.sent.append(delivery.pk)
        end = self.ends.pop(0) if self.ends else None
        if end is not None:
            raise end


def by(post: Sender) -> dict[str, Sender]:
    return {Delivery.Kind.PROMPT: post}


def row(delivery: Delivery) -> Delivery:
    return Delivery.objects.get(pk=delivery.pk)


def history(delivery: Delivery) -> list[tuple[int, str, str]]:
    attempts = DeliveryAttempt.objects.filter(delivery=delivery)
    return list(attempts.values_list("number", "outcome", "detail"))


# --- one attempt --------------------------------------------------------------------------------


def test_what_is_due_is_sent_once_and_recorded(delivery: Delivery, now: datetime) -> None:
    post = Post()
    assert deliver(delivery.pk, by(post), now)
    kept = row(delivery)
    assert (kept.state, kept.attempts, kept.problem) == ("delivered", 1, "")
    assert kept.ended_at is not None
    assert history(delivery) == [(1, "delivered", "")]
    assert not deliver(delivery.pk, by(post), now + timedelta(hours=1))
    assert post.sent == [delivery.pk]


def test_what_is_not_yet_due_is_left(delivery: Delivery, now: datetime) -> None:
    post = Post()
    assert not deliver(delivery.pk, by(post), now - timedelta(microseconds=1))
    assert post.sent == []
    assert row(delivery).attempts == 0


def test_a_row_that_is_gone_is_nobodys(db: None, now: datetime) -> None:
    assert not deliver(4711, by(Post()), now)


def test_the_sender_has_the_request_at_hand(
    delivery: Delivery, now: datetime, django_assert_num_queries: Any
) -> None:
    seen: list[str] = []

    def post(found: Delivery, at: datetime) -> None:
        with django_assert_num_queries(0):
            waiting = found.authentication_request
            assert waiting.user is not None
            seen.extend([str(waiting.client), waiting.client.realm.path])
            seen.append(waiting.user.get_username())

    assert deliver(delivery.pk, by(post), now)
    assert seen == ["The Shop", "/", "alice"]


def test_sending_happens_outside_any_transaction(
    transactional_db: None, delivery: Delivery, now: datetime
) -> None:
    """A mail server that takes ten seconds must not hold a lock for ten seconds."""
    inside: list[bool] = []

    def post(found: Delivery, at: datetime) -> None:
        inside.append(transaction.get_connection().in_atomic_block)

    assert deliver(delivery.pk, by(post), now)
    assert inside == [False]


# --- again --------------------------------------------------------------------------------------


def test_one_that_should_be_tried_again_is_due_again_soon(
    delivery: Delivery, now: datetime
) -> None:
    post = Post(TryAgain("the push service answered 503"))
    before = timezone.now()
    assert deliver(delivery.pk, by(post), now)
    kept = row(delivery)
    assert (kept.state, kept.ended_at) == ("due", None)
    assert kept.problem == "the push service answered 503"
    assert before + timedelta(seconds=1) <= kept.due_at <= timezone.now() + timedelta(seconds=3)
    assert history(delivery) == [(1, "retry", "the push service answered 503")]
    assert not deliver(delivery.pk, by(post), kept.due_at - timedelta(microseconds=1))
    assert deliver(delivery.pk, by(post), kept.due_at)
    assert history(delivery)[1:] == [(2, "delivered", "")]
    assert row(delivery).problem == ""
    assert len(post.sent) == 2


@given(attempts=st.integers(1, 10**9))
def test_the_backoff_doubles_up_to_a_minute(attempts: int) -> None:
    most = min(60, 2 * 2 ** (min(attempts, 20) - 1))
    seconds = retry_after(attempts).total_seconds()
    assert 1 <= seconds < 1 + most


def test_the_backoff_is_spread_so_that_no_herd_comes_back_together() -> None:
    assert len({retry_after(6) for _ in range(50)}) > 40


@pytest.mark.parametrize(("after", "least"), [(20.0, 20), (10**9, 60), (-5.0, 1), (0.0, 1)])
def test_the_other_side_may_ask_for_more_time_up_to_a_minute(
    delivery: Delivery, now: datetime, after: float, least: int
) -> None:
    assert deliver(delivery.pk, by(Post(TryAgain("busy", after=after))), now)
    wait = (row(delivery).due_at - timezone.now()).total_seconds()
    assert least - 1 < wait <= max(least, 3)


def test_one_that_should_not_be_tried_again_is_a_dead_letter(
    delivery: Delivery, now: datetime
) -> None:
    assert deliver(delivery.pk, by(Post(GiveUp("the device is not registered any more"))), now)
    kept = row(delivery)
    assert (kept.state, kept.problem) == ("dead", "the device is not registered any more")
    assert kept.ended_at is not None
    assert history(delivery) == [(1, "dead", "the device is not registered any more")]
    assert Delivery.objects.due(now + timedelta(hours=1), 9) == []


def test_a_retry_that_would_come_after_the_requests_end_is_a_dead_letter(
    delivery: Delivery, now: datetime
) -> None:
    end = timezone.now() + timedelta(seconds=0.5)  # the shortest backoff is a second
    AuthenticationRequest.objects.update(expires_at=end)
    assert deliver(delivery.pk, by(Post(TryAgain("busy"))), now)
    assert (row(delivery).state, row(delivery).problem) == ("dead", "busy")
    assert history(delivery) == [(1, "dead", "busy")]


def test_what_nobody_wants_any_more_is_withdrawn(delivery: Delivery, now: datetime) -> None:
    assert deliver(delivery.pk, by(Post(Withdrawn("answered"))), now)
    assert (row(delivery).state, row(delivery).problem) == ("withdrawn", "answered")
    assert history(delivery) == [(1, "withdrawn", "answered")]


def test_dead_ones_are_sent_again_when_an_operator_asks(delivery: Delivery, now: datetime) -> None:
    post = Post(GiveUp("the mail server refused the address"))
    deliver(delivery.pk, by(post), now)
    later = now + timedelta(seconds=60)
    assert Delivery.objects.send_again(later) == 1
    assert (row(delivery).state, row(delivery).ended_at) == ("due", None)
    assert not deliver(delivery.pk, by(post), now)
    assert deliver(delivery.pk, by(post), later)
    assert history(delivery)[1:] == [(2, "delivered", "")]
    assert Delivery.objects.send_again(later) == 0


# --- exceptions of a channel ----------------------------------------------------------------------


class ServiceError(Exception):
    """As a library raises one: with everything in its text."""


@pytest.mark.parametrize(
    "error",
    [
        ServiceError(f"login failed for ciba:{SECRET}"),
        ConnectionRefusedError(111, SECRET),
        ValueError(SECRET),
        RecursionError(SECRET),
        UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_text_of_a_channels_exception_is_stored_nowhere(
    delivery: Delivery, now: datetime, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    assert deliver(delivery.pk, by(Post(error)), now)
    kept = row(delivery)
    assert (kept.state, kept.problem) == ("due", type(error).__name__)
    assert history(delivery) == [(1, "retry", type(error).__name__)]
    assert caplog.messages == [f"delivery {delivery.pk} failed"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x" * 1000, "x" * 300),
        ("no\0such\ud800device\n", "no?such?device\n"),
        ("", ""),
    ],
    ids=["long", "unstorable", "empty"],
)
@pytest.mark.parametrize("end", [TryAgain, GiveUp, Withdrawn])
def test_whatever_a_channel_says_can_be_recorded(
    delivery: Delivery, now: datetime, end: type[Exception], text: str, kept: str
) -> None:
    assert deliver(delivery.pk, by(Post(end(text))), now)
    assert row(delivery).problem == kept
    assert [detail for _, _, detail in history(delivery)] == [kept]


# --- crashes and slow workers ---------------------------------------------------------------------


@pytest.mark.parametrize("crash", [SystemExit(), KeyboardInterrupt()], ids=["exit", "interrupt"])
def test_a_crash_between_sending_and_recording_sends_again_after_the_lease(
    delivery: Delivery, now: datetime, crash: BaseException
) -> None:
    post = Post(crash)
    with pytest.raises(type(crash)):
        deliver(delivery.pk, by(post), now)
    assert (row(delivery).state, row(delivery).attempts) == ("due", 1)
    assert history(delivery) == []
    lease = now + timedelta(seconds=LEASE)
    assert Delivery.objects.due(lease - timedelta(microseconds=1), 9) == []
    assert not deliver(delivery.pk, by(post), lease - timedelta(microseconds=1))
    assert Delivery.objects.due(lease, 9) == [delivery.pk]
    assert deliver(delivery.pk, by(post), lease)
    assert len(post.sent) == 2
    assert history(delivery) == [(2, "delivered", "")]


def test_a_worker_slower_than_its_lease_does_not_take_the_row_from_the_next(
    delivery: Delivery, now: datetime
) -> None:
    """The first fails at last, while the second is sending: there must be no third."""
    lease = now + timedelta(seconds=LEASE)
    post = Post()

    def slow(found: Delivery, at: datetime) -> None:
        assert Delivery.objects.lease(found.pk, lease, LEASE)  # another worker begins
        raise TryAgain("timed out")

    assert deliver(delivery.pk, by(slow), now)
    assert row(delivery).due_at == lease + timedelta(seconds=LEASE)
    assert not deliver(delivery.pk, by(post), lease + timedelta(seconds=LEASE - 1))
    assert post.sent == []
    assert history(delivery) == [(1, "retry", "timed out")]


def test_a_worker_slower_than_its_lease_that_was_lucky_ends_it(
    delivery: Delivery, now: datetime
) -> None:
    lease = now + timedelta(seconds=LEASE)

    def slow(found: Delivery, at: datetime) -> None:
        def unlucky(found: Delivery, at: datetime) -> None:
            pass

        assert Delivery.objects.lease(found.pk, lease, LEASE)
        unlucky(found, at)

    assert deliver(delivery.pk, by(slow), now)
    assert row(delivery).state == "delivered"
    assert not Delivery.objects.postpone(delivery.pk, lease, "timed out")


@pytest.mark.parametrize("end", [GiveUp("no"), Withdrawn("no")], ids=["dead", "withdrawn"])
def test_a_worker_slower_than_its_lease_does_not_end_what_the_next_one_sends(
    delivery: Delivery, now: datetime, end: Exception
) -> None:
    lease = now + timedelta(seconds=LEASE)
    endings: list[str] = []

    def slow(found: Delivery, at: datetime) -> None:
        assert Delivery.objects.lease(found.pk, lease, LEASE)
        raise end

    noting: dict[str, Ending] = {
        Delivery.Kind.PROMPT: lambda found, state, at: endings.append(state)
    }
    assert deliver(delivery.pk, by(slow), now, noting)
    assert row(delivery).state == "due"
    assert endings == []


# --- what follows from an end ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (None, ["delivered"]),
        (GiveUp("no"), ["dead"]),
        (Withdrawn("no"), ["withdrawn"]),
        (TryAgain("busy"), []),
    ],
)
def test_what_follows_from_an_end_is_done_once_by_whoever_ended_it(
    delivery: Delivery, now: datetime, end: Exception | None, told: list[str]
) -> None:
    states: list[str] = []

    def ended(found: Delivery, state: str, at: datetime) -> None:
        assert found.pk == delivery.pk
        states.append(state)

    endings: dict[str, Ending] = {Delivery.Kind.PROMPT: ended}
    assert deliver(delivery.pk, by(Post(end)), now, endings)
    assert not deliver(delivery.pk, by(Post()), now, endings)
    assert states == told


@pytest.mark.django_db(transaction=True)
def test_an_end_stands_or_falls_with_what_follows_from_it(
    delivery: Delivery, now: datetime
) -> None:
    def fail(found: Delivery, state: str, at: datetime) -> None:
        raise RuntimeError

    failing: dict[str, Ending] = {Delivery.Kind.PROMPT: fail}
    with pytest.raises(RuntimeError):
        deliver(delivery.pk, by(Post()), now, failing)
    assert row(delivery).state == "due"
    assert history(delivery) == []


def test_two_workers_at_once_send_once(delivery: Delivery, now: datetime) -> None:
    """The second comes while the first is sending."""
    second = Post()

    def first(found: Delivery, at: datetime) -> None:
        assert not deliver(found.pk, by(second), at)

    assert deliver(delivery.pk, by(first), now)
    assert second.sent == []
    assert row(delivery).attempts == 1


# --- what is not wanted any more ------------------------------------------------------------------


@pytest.mark.parametrize("verdict", [Answer.APPROVED, Answer.DENIED])
def test_an_answer_withdraws_what_was_not_yet_sent(
    asked: AuthenticationRequest, delivery: Delivery, now: datetime, verdict: str
) -> None:
    say(asked, verdict, now)
    assert run_due(now) == 1
    assert row(delivery).state == "withdrawn"
    assert row(delivery).problem == "the request no longer waits for an answer"
    assert mail.outbox == []


# --- wake-ups -----------------------------------------------------------------------------------


def messages() -> Iterator[Path]:
    """What the embedded broker holds: a file a message."""
    return (Path(site_settings.VAR) / "broker" / "messages").glob("*.msg")


@pytest.fixture
def broker(settings: Any) -> Callable[[int], list[str]]:
    """The embedded broker, empty; called with a number it waits for so many messages."""
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "TASK_RUNNER": "celery"}
    for each in messages():
        each.unlink()

    def holds(number: int) -> list[str]:
        deadline = time.monotonic() + 30
        # A file is there before what it says is written.
        while len(found := [text for each in messages() if (text := each.read_text())]) < number:
            assert time.monotonic() < deadline, f"{len(found)} of {number} messages"
            time.sleep(0.02)
        return found

    return holds


def settled() -> None:
    """Until the publisher has nothing left to do: a sentinel has gone through."""
    wake_up("tests.sentinel", 1)


Broker = Callable[[int], list[str]]


@pytest.mark.django_db(transaction=True)
def test_a_wake_up_is_published_for_each_row_after_the_commit(broker: Broker) -> None:
    with transaction.atomic():
        wake_up(DELIVER, 1, 2)
        time.sleep(0.2)
        assert broker(0) == []
    assert len(broker(2)) == 2
    for text in broker(2):
        assert '"task": "django_ciba.deliver"' in text
        assert '"ignore_result": true' in text


@pytest.mark.django_db(transaction=True)
def test_a_rollback_wakes_nobody_up(broker: Broker) -> None:
    with transaction.atomic():
        wake_up(DELIVER, 1)
        transaction.set_rollback(True)
    settled()
    (only,) = broker(1)
    assert '"task": "tests.sentinel"' in only


@pytest.mark.django_db(transaction=True)
def test_nothing_to_wake_up_for_publishes_nothing(broker: Broker) -> None:
    wake_up(DELIVER)
    settled()
    (only,) = broker(1)
    assert '"task": "tests.sentinel"' in only


@pytest.mark.django_db(transaction=True)
def test_without_a_task_runner_nothing_is_published(broker: Broker, settings: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "TASK_RUNNER": "none"}
    wake_up(DELIVER, 1)
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "TASK_RUNNER": "celery"}
    settled()
    (only,) = broker(1)
    assert '"task": "tests.sentinel"' in only


@pytest.mark.django_db(transaction=True)
def test_a_site_without_a_task_runner_starts_no_thread(settings: Any) -> None:
    before = set(threading.enumerate())
    wake_up(DELIVER, 1)
    assert set(threading.enumerate()) <= before


@contextmanager
def eager(**changes: Any) -> Iterator[None]:
    """Celery runs tasks where they are sent, as many a site's tests have it."""
    conf = current_app.conf
    wanted = {"task_always_eager": True, **changes}
    before = {name: conf[name] for name in wanted}
    conf.update(wanted)
    try:
        yield
    finally:
        conf.update(before)


@pytest.mark.django_db(transaction=True)
def test_an_eager_site_sends_at_once_after_the_commit(
    broker: Broker, client: Client, alice: AbstractBaseUser
) -> None:
    with eager():
        with transaction.atomic():
            asked = begin(SEEDS, client, alice, now=timezone.now())
            assert mail.outbox == []
        assert asked.deliveries.get().state == "delivered"
    assert len(mail.outbox) == 1
    assert broker(0) == []


@pytest.mark.django_db(transaction=True)
def test_an_eager_task_that_fails_does_not_fail_the_request(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    with eager(task_eager_propagates=True):
        wake_up("tests.unknown_task", 1)  # raises where it would be run
    assert "in on_commit()" in caplog.text


def test_the_commit_that_counts_is_that_of_our_own_database(
    broker: Broker, settings: Any, tmp_path: Path, django_db_blocker: pytest_django.DjangoDbBlocker
) -> None:
    """A router may send our models to another database than the default one."""
    connections.databases["other"] = {
        **connections["default"].settings_dict,
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(tmp_path / "other.sqlite3"),
        "OPTIONS": {},
    }
    settings.DATABASE_ROUTERS = [f"{__name__}.ToTheOther"]
    try:
        with django_db_blocker.unblock():
            with transaction.atomic(using="other"):
                wake_up(DELIVER, 1)
                time.sleep(0.2)
                assert broker(0) == []
            assert len(broker(1)) == 1
    finally:
        connections["other"].close()
        del connections["other"], connections.databases["other"]


class ToTheOther:
    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "other"
