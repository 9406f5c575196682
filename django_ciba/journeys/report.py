"""This was not me: the user reports a request that they never began (design §8)."""

from datetime import datetime, timedelta

from django.db import router, transaction

from django_ciba import signals
from django_ciba.delivery import tell_the_client
from django_ciba.journeys.answer import NotAnswerable, answer
from django_ciba.models import AuditEvent, AuthenticationRequest, Delivery, Grant, MutedClient

Status = AuthenticationRequest.Status


def report(found: AuthenticationRequest, *, now: datetime) -> bool:
    """Design §8: end what `found` asks for or has given, and keep its client away for REPORT_MUTE.

    A request that waits is denied, and what looks like it; one that was approved by mistake gives
    no tokens any more, and those that it gave end. None of them asks again. Audit event and signal
    are written once: whether this call was the one that reported it. A request without a user has
    nobody to report it.
    """
    if found.user_id is None:
        return False
    alias = router.db_for_write(AuthenticationRequest)
    with transaction.atomic(using=alias):
        rows = AuthenticationRequest.objects.using(alias).select_related("client__realm", "user")
        stored = rows.get(pk=found.pk)
        # Read before the denial: by that, a journey may go on to a question of another time.
        ended = [stored, *rows.reported_with(stored, now)]
        _lock(ended)
        for each in ended:
            if _denied(each, now):
                break
        for each in ended:
            _taken_back(each, now)
        if not AuthenticationRequest.objects.using(alias).report(found.pk, now):
            transaction.set_rollback(True, using=alias)
            return False
        Grant.objects.using(alias).filter(authentication_request_id=found.pk).revoke(now)
        MutedClient.objects.mute(
            stored.user,
            stored.client,
            because=MutedClient.Because.REPORTED,
            now=now,
            until=now + timedelta(seconds=stored.client.realm.conf.REPORT_MUTE),
        )
        stored.refresh_from_db()
        AuditEvent.objects.using(alias).note(AuditEvent.Event.REPORTED, now, of=stored)
        signals.announce(signals.request_reported, stored)
    return True


def _lock(ended: list[AuthenticationRequest]) -> None:
    """In the order of their keys, as an answer does: two reports at once wait, and do not block."""
    alias = router.db_for_write(AuthenticationRequest)
    rows = AuthenticationRequest.objects.using(alias).filter(pk__in=[each.pk for each in ended])
    list(rows.order_by("pk").select_for_update().values_list("pk"))


def _denied(waiting: AuthenticationRequest, now: datetime) -> bool:
    """Whether it could still be denied; then all that look like it have been, too."""
    no = AuthenticationRequest.Answer.DENIED
    try:
        answer(waiting, no, now=now, authenticated_at=now, amr=())
    except NotAnswerable:
        return False
    return True


def _taken_back(stored: AuthenticationRequest, now: datetime) -> None:
    """What is not to be denied by an answer becomes a no: a yes whose tokens have not been given
    yet, and a request that would prompt again, or has, when its journey walks on.

    A client that is called was called for the yes if that ended the request; else it is now.
    """
    alias = router.db_for_write(AuthenticationRequest)
    rows = AuthenticationRequest.objects.using(alias)
    if rows.take_back(stored.pk, Status.PENDING, now):
        Delivery.objects.using(alias).withdraw_prompts(stored.pk, now, "the request was reported")
        stored.refresh_from_db()
        tell_the_client(stored, now)
    elif rows.take_back(stored.pk, Status.AUTHORIZED, now):
        stored.refresh_from_db()
    else:
        return
    AuditEvent.objects.using(alias).note(AuditEvent.Event.DENIED, now, of=stored)
    signals.announce(signals.request_denied, stored)
