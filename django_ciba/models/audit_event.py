"""What happened, for those who must look back: written once, never changed."""

from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import models

from django_ciba.models.authentication_request import AuthenticationRequest
from django_ciba.models.client import Client
from django_ciba.models.prompt_limits import PromptLimits

WHO_WAS_ASKED: Final[Any] = object()  # None is nobody that we know


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def note(
        self,
        event: "AuditEvent.Event",
        now: datetime,
        *,
        of: AuthenticationRequest | None = None,
        user_id: Any = WHO_WAS_ASKED,
        client: Client | None = None,
        **detail: Any,
    ) -> None:
        """Write one event down. `detail` holds no secret.

        `of` names its client too, and its user where `user_id` does not say who else it was.
        """
        if user_id is WHO_WAS_ASKED:
            user_id = of.user_id if of is not None else None
        client_pk = client.pk if client is not None else of.client_id if of is not None else None
        self.create(
            event=event,
            at=now,
            public_id=of.public_id if of is not None else None,
            client_id=client_pk,
            user_id=user_id,
            detail=detail,
        )

    def note_limit(
        self, limit: str, limits: PromptLimits, now: datetime, *, of: AuthenticationRequest
    ) -> None:
        """Write down that a limit kept a client from a user, once in the limits' window.

        Whoever asks without end must not fill the table. `of` was not stored: it has no name.
        """
        said: dict[str, Any] = {"event": AuditEvent.Event.LIMIT_REACHED, "user_id": of.user_id}
        said |= {"client_id": of.client_id, "detail": {"limit": str(limit)}}
        if not self.filter(at__gt=now - limits.window, **said).exists():
            self.create(at=now, **said)


class AuditEvent(models.Model):
    """One event. Requests are deleted after their retention; what is written here outlives them."""

    class Event(models.TextChoices):
        APPROVED = "approved", "request approved"
        DENIED = "denied", "request denied"
        FAILED = "failed", "request failed"
        CANCELLED = "cancelled", "request cancelled"
        WRONG_NUMBER = "wrong_number", "wrong number"
        WRONG_PASSCODE = "wrong_passcode", "wrong passcode"
        ANSWER_REFUSED = "answer_refused", "answer refused"
        ANSWER_SIGNED = "answer_signed", "signed answer taken"
        LIMIT_REACHED = "limit_reached", "not asked: limit reached"
        REPORTED = "reported", "reported: this was not me"
        CLIENT_MUTED = "client_muted", "client muted"
        CLIENT_UNMUTED = "client_unmuted", "client let again"
        DEVICE_ADDED = "device_added", "device added"
        DEVICE_REMOVED = "device_removed", "device removed"
        PASSKEY_ADDED = "passkey_added", "passkey added"
        PASSKEY_REMOVED = "passkey_removed", "passkey removed"
        SIGNED_IN_AGAIN = "signed_in_again", "signed in again to answer"

    at = models.DateTimeField(db_index=True)
    event = models.CharField(max_length=20, choices=Event)
    public_id = models.UUIDField(
        "request", null=True, blank=True, db_index=True, help_text="Of the request it is about."
    )
    client = models.ForeignKey(Client, models.SET_NULL, null=True, blank=True, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    detail = models.JSONField(default=dict, blank=True)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.event} {self.public_id or ''}".strip()
