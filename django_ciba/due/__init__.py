"""What is due: messages, journey timers, expiries, new signing keys, rows past their retention.

Celery wakes these functions up; `manage.py ciba_run_due` runs them where there is no Celery.
"""

import logging
import math
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from celery import shared_task
from django.db.models import Model
from django.utils import timezone

from django_ciba import prompts
from django_ciba.conf import ciba_settings
from django_ciba.delivery import CALLS
from django_ciba.journeys import walk_due
from django_ciba.models import (
    AuditEvent,
    AuthenticationRequest,
    Delivery,
    DeviceEnrolment,
    Grant,
    MutedClient,
    PasskeyChallenge,
    SigningKey,
    Token,
    UsedAssertion,
    UsedProof,
    configuration,
    longest_memory,
    rotation_is_due,
)
from django_ciba.outbox import Ending, Sender, deliver
from django_ciba.outbox.wake_up import DELIVER

logger = logging.getLogger("django_ciba.due")

SENDERS: dict[str, Sender] = {
    Delivery.Kind.PROMPT: prompts.send,
    **{kind: mode.send for kind, mode in CALLS.items()},
}
ENDINGS: dict[str, Ending] = {
    Delivery.Kind.PROMPT: prompts.ended,
    **{kind: mode.ended for kind, mode in CALLS.items()},
}
SWEEP_SECONDS = 30.0
BATCH = 1000  # rows that one DELETE removes, so that polls do not wait behind it


def run_due(now: datetime | None = None, at_most: int = 100, *, seconds: float = math.inf) -> int:
    """Do what is due, at most `at_most` of each kind; how much was done.

    After so many `seconds` nothing more is begun.
    """
    moment, begun = now or timezone.now(), time.monotonic()
    end = begun + seconds
    done = 0
    for pk in AuthenticationRequest.objects.due(moment, at_most):
        done += time.monotonic() < end and _survived(walk_due, pk, moment)
    for pk in Delivery.objects.due(moment, at_most):
        # Each takes its time, and a lease counts from when it was claimed.
        passed = timedelta(seconds=time.monotonic() - begun)
        done += time.monotonic() < end and _survived(_deliver, pk, moment + passed)
    return done


def rotate_keys(now: datetime | None = None) -> int:
    """Let the next key sign wherever KEY_ROTATION has passed; how many keys began to sign.

    Realms and keys are looked at as this process holds them, so that a sweep in which nothing is
    due asks the database nothing; what it finds there is decided by `rotate_by_schedule`.
    """
    moment = now or timezone.now()
    begun = 0
    for realm in list(configuration().realms().values()):
        for alg in realm.conf.key_algs:
            live = {key.state: key for key in realm.keys if key.alg == alg}
            try:
                if not rotation_is_due(realm, live, moment):
                    continue
                signing = SigningKey.objects.rotate_by_schedule(realm, alg, moment)
            except Exception:  # one realm must not keep the others waiting
                logger.exception("realm %s: the %s key was not rotated", realm, alg)
                continue
            if signing is not None:
                logger.info("realm %s signs %s with %s now", realm, alg, signing.kid)
                begun += 1
    return begun


def cleanup(now: datetime | None = None) -> dict[str, int]:
    """Delete what is past its use, in batches; how many rows of each model."""
    moment = now or timezone.now()
    kept_since = moment - timedelta(seconds=ciba_settings.RETENTION)
    counts = {"authentication_requests": 0, "used_assertions": 0, "tokens": 0, "grants": 0}
    _note_expiries_to_tell(kept_since, moment)
    over = AuthenticationRequest.objects.exclude(pk__in=Delivery.objects.owed_a_push())
    while deleted := over.delete_ended(min(kept_since, _counted_since(moment)), BATCH):
        counts["authentication_requests"] += deleted
    _forget_dead_calls(moment)
    leeway = timedelta(seconds=ciba_settings.CLOCK_LEEWAY)
    audited_since = moment - timedelta(seconds=ciba_settings.AUDIT_RETENTION)
    for name, model, field, before in (
        ("used_assertions", UsedAssertion, "expires_at", moment - leeway),
        ("used_proofs", UsedProof, "expires_at", moment - leeway),
        ("tokens", Token, "expires_at", kept_since),
        ("passkey_challenges", PasskeyChallenge, "expires_at", moment),
        ("device_enrolments", DeviceEnrolment, "expires_at", moment),
        ("muted_clients", MutedClient, "until", moment),
        ("audit_events", AuditEvent, "at", audited_since),
    ):
        counts[name] = _delete_before(model, field, before)
    retired = SigningKey.objects.filter(
        state=SigningKey.State.RETIRED,
        retired_at__lt=moment - timedelta(seconds=ciba_settings.RETIRED_KEYS_KEPT),
    )
    counts["signing_keys"] = retired.delete()[0] if retired.exists() else 0
    # A grant lives as long as a token of it can still be shown; each is made with its tokens.
    spent = Grant.objects.filter(tokens__isnull=True, created_at__lt=kept_since)
    while pks := list(spent.values_list("pk", flat=True)[:BATCH]):
        Grant.objects.filter(pk__in=pks).delete()
        counts["grants"] += len(pks)
    return counts


def _note_expiries_to_tell(before: datetime, now: datetime) -> None:
    """CIBA Core §12: a client that is to be told of an expiry is told before the row goes.

    The sweep does this in time. Where it has not, or RETENTION is shorter than its interval, the
    message is written now, and the request stays until that has been sent.
    """
    modes = [mode.mode for mode in CALLS.values() if mode.tells_expiry]
    over = AuthenticationRequest.objects.filter(
        client__backchannel_token_delivery_mode__in=modes,
        status=AuthenticationRequest.Status.PENDING,
        due_at__isnull=False,
        expires_at__lt=before,
    )
    for pk in list(over.values_list("pk", flat=True)):
        _survived(walk_due, pk, now)


def _forget_dead_calls(now: datetime) -> None:
    """What an operator could have sent again while the request lived is not kept any longer."""
    over = Delivery.objects.filter(
        kind__in=CALLS, state=Delivery.State.DEAD, authentication_request__expires_at__lte=now
    )
    rows = list(over.values_list("pk", "authentication_request_id"))
    for at in range(0, len(rows), BATCH):
        pks, requests = zip(*rows[at : at + BATCH], strict=True)
        AuthenticationRequest.objects.filter(pk__in=requests).forget_secrets()
        Delivery.objects.filter(pk__in=pks, state=Delivery.State.DEAD).update(payload="")


def _counted_since(now: datetime) -> datetime:
    """What expired before no limit of any realm counts any more (`PromptLimits`)."""
    realms = configuration().realms().values()
    return now - max(map(longest_memory, [ciba_settings, *(realm.conf for realm in realms)]))


def _delete_before(model: type[Model], field: str, before: datetime) -> int:
    deleted = 0
    while True:
        rows = model._default_manager.filter(**{f"{field}__lt": before}).order_by(field)
        pks = list(rows.values_list("pk", flat=True)[:BATCH])
        if not pks:
            return deleted
        model._default_manager.filter(pk__in=pks).delete()
        deleted += len(pks)


def _deliver(pk: int, now: datetime) -> bool:
    return deliver(pk, SENDERS, now, ENDINGS)


def _survived(work: Callable[[int, datetime], bool], pk: int, now: datetime) -> bool:
    """One bad row must not keep the others waiting; its lease brings it back."""
    try:
        return work(pk, now)
    except Exception:
        logger.exception("what was due for row %s failed", pk)
        return False


# acks_late and reject_on_worker_lost: a killed worker's message comes back; the lease in the
# database makes the second run harmless.
_task = partial(shared_task, acks_late=True, reject_on_worker_lost=True, ignore_result=True)


@_task(name=DELIVER, soft_time_limit=60, time_limit=90)
def deliver_task(pk: int) -> None:
    """Wake-up: one delivery is due."""
    _deliver(pk, timezone.now())


@_task(name="django_ciba.run_due", soft_time_limit=60, time_limit=90)
def run_due_task() -> None:
    """The sweep, by beat: takes what wake-ups lost.

    It leaves the rest to the next one before its time limit could interrupt a message.
    """
    run_due(seconds=SWEEP_SECONDS)


@_task(name="django_ciba.rotate_keys", soft_time_limit=300, time_limit=330)
def rotate_keys_task() -> None:
    """Let the next signing keys sign where KEY_ROTATION says so, by beat."""
    rotate_keys()


@_task(name="django_ciba.cleanup", soft_time_limit=900, time_limit=960)
def cleanup_task() -> None:
    """Delete what is past its retention, by beat."""
    cleanup()
