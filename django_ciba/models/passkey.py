"""Passkeys that a user approves with (WebAuthn), and the challenges that are out for them."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models, router, transaction
from django.db.models import Q

from django_ciba.models.audit_event import AuditEvent
from django_ciba.models.authentication_request import AuthenticationRequest


class PasskeyQuerySet(models.QuerySet["Passkey"]):
    def used(self, pk: int, sign_count: int, now: datetime) -> bool:
        """WebAuthn §7.2: note a use; False when the counter has not grown, as of a copied key.

        Many passkeys do not count: they say 0 each time.
        """
        counted = Q(sign_count__lt=sign_count) if sign_count else Q(sign_count=0)
        return self.filter(counted, pk=pk).update(sign_count=sign_count, last_used_at=now) == 1

    def remove(self, passkey: "Passkey", now: datetime, **by: Any) -> bool:
        """Forget it, and write that down; whether this call did."""
        with transaction.atomic(using=router.db_for_write(self.model)):
            if not self.filter(pk=passkey.pk).delete()[0]:
                return False
            removed = AuditEvent.Event.PASSKEY_REMOVED
            AuditEvent.objects.note(removed, now, user_id=passkey.user_id, name=passkey.name, **by)
        return True


class Passkey(models.Model):
    """One public key credential of one user."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="ciba_passkeys")
    name = models.CharField(max_length=100, help_text="As its user calls it.")
    credential_id = models.CharField(max_length=1400, unique=True, help_text="base64url")
    public_key = models.TextField(editable=False, help_text="COSE key, base64url")
    sign_count = models.BigIntegerField(default=0, editable=False)
    transports = models.JSONField(default=list, blank=True, editable=False)
    synced = models.BooleanField(
        default=False, help_text="A multi-device credential, which its provider copies."
    )
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = PasskeyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name


class PasskeyChallengeQuerySet(models.QuerySet["PasskeyChallenge"]):
    def consume(self, pk: int, now: datetime) -> bool:
        """Whether this call is the one that uses the challenge, in time."""
        return bool(self.filter(pk=pk, expires_at__gt=now).delete()[0])


class PasskeyChallenge(models.Model):
    """WebAuthn §13.4.3: what one ceremony must sign; used once.

    For an approval it belongs to one prompt of one request; without a request it is for adding a
    passkey.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    authentication_request = models.ForeignKey(
        AuthenticationRequest, models.CASCADE, null=True, related_name="+"
    )
    prompt = models.PositiveIntegerField(default=0, help_text="Which prompt of that request.")
    nonce = models.CharField(max_length=43, unique=True)
    expires_at = models.DateTimeField(db_index=True)

    objects = PasskeyChallengeQuerySet.as_manager()

    def __str__(self) -> str:
        return self.nonce[:8]


def passkeys_of(user: Any) -> "models.QuerySet[Passkey]":
    """What that user can approve with."""
    return Passkey.objects.filter(user_id=user.pk)
