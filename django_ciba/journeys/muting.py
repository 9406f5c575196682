"""A user's wish not to be asked by one client, and the end of it."""

from datetime import datetime
from typing import Any

from django.db import router, transaction

from django_ciba.models import AuditEvent, Client, MutedClient


def mute(user: Any, client: Client, *, now: datetime, until: datetime | None = None) -> None:
    """Keep that client from asking that user, until then or until it is let again.

    A mute that holds longer stands. What waits already is not touched.
    """
    alias = router.db_for_write(MutedClient)
    with transaction.atomic(using=alias):
        muted = MutedClient.Because.MUTED
        MutedClient.objects.mute(user, client, because=muted, now=now, until=until)
        detail: dict[str, Any] = {"until": until.isoformat()} if until else {}
        AuditEvent.objects.using(alias).note(
            AuditEvent.Event.CLIENT_MUTED, now, user_id=user.pk, client=client, **detail
        )


def unmute(user: Any, client: Client, *, now: datetime, by_operator: bool = False) -> bool:
    """Let that client ask that user again, also after a report; whether it was kept from it."""
    alias = router.db_for_write(MutedClient)
    with transaction.atomic(using=alias):
        if not MutedClient.objects.unmute(user, client):
            return False
        detail: dict[str, Any] = {"by_operator": True} if by_operator else {}
        AuditEvent.objects.using(alias).note(
            AuditEvent.Event.CLIENT_UNMUTED, now, user_id=user.pk, client=client, **detail
        )
    return True
