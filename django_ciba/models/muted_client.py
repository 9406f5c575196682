"""A client that may not ask one user, for a while or until that user lets it again."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from django_ciba.models.client import Client
from django_ciba.models.one_statement import insert_once


class MutedClientQuerySet(models.QuerySet["MutedClient"]):
    def live(self, now: datetime) -> "MutedClientQuerySet":
        """Those that still hold."""
        return self.filter(Q(until__isnull=True) | Q(until__gt=now))

    def mute(
        self, user: Any, client: Client, *, because: str, now: datetime, until: datetime | None
    ) -> None:
        """Keep that client from asking that user; None for `until` is until it is let again.

        One row for both: a mute that holds longer stands, and one that would end sooner does not
        shorten it; of two at once, too.
        """
        rows = self.filter(user=user, client=client, until__isnull=False)
        shorter = rows if until is None else rows.filter(until__lt=until)
        if shorter.update(because=because, created_at=now, until=until):
            return
        row = self.model(user=user, client=client, because=because, created_at=now, until=until)
        if not insert_once(row):
            # There is one that holds longer; or one that came in since, and may be shorter.
            shorter.update(because=because, created_at=now, until=until)

    def unmute(self, user: Any, client: Client) -> bool:
        """Let that client ask that user again; whether it was kept from it."""
        return bool(self.filter(user=user, client=client).delete()[0])


class MutedClient(models.Model):
    """One user's wish not to be asked by one client."""

    class Because(models.TextChoices):
        MUTED = "muted", "its user muted it"
        REPORTED = "reported", "its user reported a request"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="ciba_muted_clients"
    )
    client = models.ForeignKey(Client, models.CASCADE, related_name="muted_by")
    because = models.CharField(max_length=10, choices=Because)
    created_at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True, help_text="Empty: until it is let again.")

    objects = MutedClientQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "client"], name="ciba_muted_once"),
        ]
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.client} by {self.user_id}"
