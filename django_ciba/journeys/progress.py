"""Stores what a walk came to: one conditional update, and what follows from it."""

from datetime import datetime
from typing import Any

from django.db import router, transaction

from django_ciba import signals
from django_ciba.conf import ciba_settings
from django_ciba.delivery import tell_the_client
from django_ciba.journeys.engine import Progress, walk
from django_ciba.models import AuditEvent, AuthenticationRequest, Delivery, configuration
from django_ciba.outbox import wake_up
from django_ciba.outbox.wake_up import DELIVER

_SIGNALS = {
    AuthenticationRequest.Status.AUTHORIZED: signals.request_approved,
    AuthenticationRequest.Status.DENIED: signals.request_denied,
    AuthenticationRequest.Status.FAILED: signals.request_failed,
}
_EVENTS = {
    AuthenticationRequest.Status.AUTHORIZED: AuditEvent.Event.APPROVED,
    AuthenticationRequest.Status.DENIED: AuditEvent.Event.DENIED,
    AuthenticationRequest.Status.FAILED: AuditEvent.Event.FAILED,
}


def store_progress(
    stored: AuthenticationRequest, progress: Progress, now: datetime, *, vouched: bool = False
) -> bool:
    """Write a walk's result unless the request has moved on meanwhile; whether it took.

    `vouched` says, for the audit, that not the user but somebody in their place has answered.
    """
    alias = router.db_for_write(AuthenticationRequest)
    with transaction.atomic(using=alias):
        if not AuthenticationRequest.objects.using(alias).advance(stored, now, **progress.values):
            return False
        stored.step += 1
        if progress.deliveries:
            Delivery.objects.using(alias).bulk_create(progress.deliveries)
            wake_up(DELIVER, *(each.pk for each in progress.deliveries))
        status = AuthenticationRequest.Status(progress.status)
        ended = _SIGNALS.get(status)
        if ended is not None:
            detail: dict[str, Any] = {"amr": stored.amr} if stored.amr else {}
            if vouched:
                detail["vouched"] = True
            AuditEvent.objects.using(alias).note(_EVENTS[status], now, of=stored, **detail)
            tell_the_client(stored, now)
            signals.announce(ended, stored)
    return True


def cancel(pk: int, now: datetime, *, by_client: bool = False) -> bool:
    """Withdraw a pending request and the prompts that have not gone out; whether it took.

    The client is told as of any other end, unless it was the one who cancelled.
    """
    alias = router.db_for_write(AuthenticationRequest)
    with transaction.atomic(using=alias):
        if not AuthenticationRequest.objects.cancel(pk, now):
            return False
        Delivery.objects.using(alias).withdraw_prompts(pk, now, "the request was cancelled")
        cancelled = _stored(pk)
        by: dict[str, Any] = {"by_client": True} if by_client else {}
        AuditEvent.objects.using(alias).note(AuditEvent.Event.CANCELLED, now, of=cancelled, **by)
        if not by_client:
            tell_the_client(cancelled, now)
        elif cancelled.keeps_secrets:
            AuthenticationRequest.objects.using(alias).filter(pk=pk).forget_secrets()
        signals.announce(signals.request_cancelled, cancelled)
    return True


def walk_due(pk: int, now: datetime) -> bool:
    """Take a request whose timer or life has run out; whether this worker had it."""
    with transaction.atomic(using=router.db_for_write(AuthenticationRequest)):
        if AuthenticationRequest.objects.end_expired(pk, now):
            expired = _stored(pk)
            tell_the_client(expired, now, expired=True)
            signals.announce(signals.request_expired, expired)
            return True
    if not AuthenticationRequest.objects.lease(pk, now, ciba_settings.DELIVERY_LEASE):
        return False
    stored = _stored(pk)
    document = configuration().journey_version(stored.journey_version_id).document
    return store_progress(stored, walk(stored, document, now), now)


def _stored(pk: int) -> AuthenticationRequest:
    return AuthenticationRequest.objects.select_related("client", "user").get(pk=pk)
