"""Stores what a walk came to: one conditional update, and what follows from it."""

from datetime import datetime

from django.db import router, transaction

from django_ciba import signals
from django_ciba.conf import ciba_settings
from django_ciba.journeys.engine import Progress, walk
from django_ciba.models import AuthenticationRequest, Delivery, configuration
from django_ciba.outbox import wake_up
from django_ciba.outbox.wake_up import DELIVER

_SIGNALS = {
    AuthenticationRequest.Status.AUTHORIZED: signals.request_approved,
    AuthenticationRequest.Status.DENIED: signals.request_denied,
    AuthenticationRequest.Status.FAILED: signals.request_failed,
}


def store_progress(stored: AuthenticationRequest, progress: Progress, now: datetime) -> bool:
    """Write a walk's result unless the request has moved on meanwhile; whether it took."""
    alias = router.db_for_write(AuthenticationRequest)
    with transaction.atomic(using=alias):
        if not AuthenticationRequest.objects.using(alias).advance(stored, now, **progress.values):
            return False
        stored.step += 1
        if progress.deliveries:
            Delivery.objects.using(alias).bulk_create(progress.deliveries)
            wake_up(DELIVER, *(each.pk for each in progress.deliveries))
        ended = _SIGNALS.get(AuthenticationRequest.Status(progress.status))
        if ended is not None:
            signals.announce(ended, stored)
    return True


def walk_due(pk: int, now: datetime) -> bool:
    """Take a request whose timer or life has run out; whether this worker had it."""
    if AuthenticationRequest.objects.end_expired(pk, now):
        expired = AuthenticationRequest.objects.select_related("client", "user").get(pk=pk)
        signals.announce(signals.request_expired, expired)
        return True
    if not AuthenticationRequest.objects.lease(pk, now, ciba_settings.DELIVERY_LEASE):
        return False
    stored = AuthenticationRequest.objects.select_related("client", "user").get(pk=pk)
    document = configuration().journey_version(stored.journey_version_id).document
    return store_progress(stored, walk(stored, document, now), now)
