"""What a user answers on, besides the inbox in whatever browser: named, last used, removable."""

import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import models, router, transaction
from django.db.models import Q

from django_ciba.models import secrets
from django_ciba.models.audit_event import AuditEvent
from django_ciba.models.secrets import EncryptedTextField

USE_NOTED_EVERY: Final = timedelta(minutes=1)


class DeviceQuerySet(models.QuerySet["Device"]):
    def reached_by(self, channel: str, user: Any) -> "DeviceQuerySet":
        """The user's devices that this channel sends to."""
        return self.filter(user=user, channel=channel).exclude(address_digest="")

    def used(self, pk: int, now: datetime) -> None:
        """Note that the user has answered, or looked, on that device; once a minute is enough."""
        long_ago = Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - USE_NOTED_EVERY)
        self.filter(long_ago, pk=pk).update(last_used_at=now)

    def note_added(self, device: "Device", now: datetime) -> None:
        """Write down that its user has it from now on."""
        added = AuditEvent.Event.DEVICE_ADDED
        AuditEvent.objects.note(added, now, user_id=device.user_id, **device.in_the_audit)

    def remove(self, device: "Device", now: datetime, **by: Any) -> bool:
        """Forget it and its key, and write that down; whether this call did."""
        with transaction.atomic(using=router.db_for_write(self.model)):
            if not self.filter(pk=device.pk).delete()[0]:
                return False
            removed, known = AuditEvent.Event.DEVICE_REMOVED, device.in_the_audit
            AuditEvent.objects.note(removed, now, user_id=device.user_id, **known, **by)
        return True

    def release_address(self, address: str) -> None:
        """Whoever has that address now has it no more: it belongs to who registers it last."""
        held = self.filter(address_digest=secrets.digest(address))
        held.update(address="", address_digest="", channel="")

    def forget_address(self, pk: int, address_digest: str) -> bool:
        """The push service knows this address no more; whether the device still had it."""
        gone = self.filter(pk=pk, address_digest=address_digest)
        return gone.update(address="", address_digest="", channel="") == 1


class Device(models.Model):
    """A browser that gets web pushes, or an installation of the site's own app.

    `address` is where a push service delivers to: for Web Push the subscription as JSON (RFC 8030,
    RFC 8291), for FCM and APNs the token of the app's installation. `public_jwk` is the key that an
    app signs its answers with.
    """

    class Kind(models.TextChoices):
        BROWSER = "browser", "browser"
        APP = "app", "app"

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="ciba_devices")
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=100, help_text="As its user calls it.")
    channel = models.CharField(
        max_length=200, blank=True, help_text="webpush, fcm or apns; empty: it is sent nothing."
    )
    address = EncryptedTextField(blank=True, default="", editable=False)
    address_digest = models.CharField(max_length=64, blank=True, editable=False)
    public_jwk = models.JSONField("public key", null=True, blank=True, editable=False)
    thumbprint = models.CharField(
        max_length=43, blank=True, editable=False, help_text="Of the key (RFC 7638)."
    )
    created_at = models.DateTimeField()
    authenticated_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When the user had signed in who let this app in.",
    )
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = DeviceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["address_digest"],
                condition=~Q(address_digest=""),
                name="ciba_one_device_per_address",
            ),
            models.UniqueConstraint(
                fields=["thumbprint"],
                condition=~Q(thumbprint=""),
                name="ciba_one_device_per_key",
            ),
            models.CheckConstraint(
                name="ciba_an_app_has_a_key",
                condition=Q(kind="browser", thumbprint="") | Q(kind="app") & ~Q(thumbprint=""),
            ),
        ]
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    @property
    def in_the_audit(self) -> dict[str, Any]:
        """What an audit event says of it, which outlives it; never its address."""
        known: dict[str, Any] = {
            "device": str(self.public_id),
            "kind": str(self.kind),
            "name": self.name,
        }
        return {**known, "thumbprint": self.thumbprint} if self.thumbprint else known

    def set_address(self, channel: str, address: str) -> None:
        """Have messages sent there by that channel. The caller saves."""
        self.channel, self.address = channel, address
        self.address_digest = secrets.digest(address) if address else ""


class DeviceEnrolmentQuerySet(models.QuerySet["DeviceEnrolment"]):
    def start(
        self, user: Any, now: datetime, seconds: int, *, authenticated_at: datetime | None = None
    ) -> str:
        """A code by which one app becomes a device of that user's; the only copy.

        `authenticated_at` is when the user had signed in who asks for it; None: now. An older code
        of theirs is good no more.
        """
        code = secrets.new_secret()
        self.filter(user=user).delete()
        self.create(
            user=user,
            digest=secrets.digest(code),
            authenticated_at=authenticated_at or now,
            expires_at=now + timedelta(seconds=seconds),
        )
        return code

    def consume(self, code: str, now: datetime) -> "DeviceEnrolment | None":
        """Whose code it is, once; None for an unknown, used or old one."""
        found = self.filter(digest=secrets.digest(code), expires_at__gt=now).first()
        if found is None or not self.filter(pk=found.pk).delete()[0]:
            return None
        return found


class DeviceEnrolment(models.Model):
    """A code that the signed-in user carries over to their app, until it is used."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    authenticated_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    objects = DeviceEnrolmentQuerySet.as_manager()

    def __str__(self) -> str:
        return self.digest[:8]
