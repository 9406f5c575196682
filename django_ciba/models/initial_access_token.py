"""What lets a caller register clients in a realm (RFC 7591 §3, §1.2)."""

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from django_ciba.models import secrets
from django_ciba.models.realm import Realm


class InitialAccessTokenQuerySet(models.QuerySet["InitialAccessToken"]):
    def live(self, value: str, realm: Realm, now: datetime) -> "InitialAccessTokenQuerySet":
        """The unexpired token of that value and realm that has registrations left, or none."""
        return self.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=now),
            Q(uses_left__isnull=True) | Q(uses_left__gt=0),
            digest=secrets.digest(value),
            realm_id=realm.pk,
        )

    def spend(self, value: str, realm: Realm, now: datetime) -> bool:
        """Take one registration off a live token of that realm; whether there was one left."""
        live = self.live(value, realm, now)
        return live.update(uses_left=F("uses_left") - 1, last_used_at=now) == 1


class InitialAccessToken(models.Model):
    """An operator's leave to register; the digest is all that is kept of it."""

    realm = models.ForeignKey(Realm, models.CASCADE, related_name="initial_access_tokens")
    name = models.CharField(max_length=200, help_text="Whom it was given to, for operators.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    uses_left = models.PositiveIntegerField(
        null=True, blank=True, default=1, help_text="Registrations left; empty: any number."
    )
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = InitialAccessTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.name

    def new_value(self) -> str:
        """Store the digest, hand back the only copy of the token. The caller saves."""
        value = secrets.new_secret()
        self.digest = secrets.digest(value)
        return value
