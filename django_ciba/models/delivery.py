"""The outbox: a message that must go out, written in the transaction that made it due.

Prompts to users, and ping and push to relying parties. A prompt may carry a passcode or the secret
of a link, and notes which devices have it; a push carries tokens. Neither is kept longer than it
takes.
"""

from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q

from django_ciba.models.authentication_request import AuthenticationRequest
from django_ciba.models.secrets import EncryptedTextField, UndecryptableError


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def due(self, now: datetime, at_most: int) -> list[int]:
        """Primary keys of deliveries that want sending now, the oldest first."""
        rows = self.filter(state=Delivery.State.DUE, due_at__lte=now).order_by("due_at")
        return list(rows.values_list("pk", flat=True)[:at_most])

    def lease(self, pk: int, now: datetime, seconds: int) -> bool:
        """Claim a due delivery for one worker; False when another has it or it is done.

        The lease is `due_at` itself, moved to the lease's end: a worker that dies loses nothing.
        """
        due = self.filter(pk=pk, state=Delivery.State.DUE, due_at__lte=now)
        return due.update(due_at=now + timedelta(seconds=seconds), attempts=F("attempts") + 1) == 1

    def end(self, pk: int, state: str, now: datetime, problem: str = "") -> bool:
        """Close a delivery that is still due: delivered, dead or withdrawn; whether it took."""
        due = self.filter(pk=pk, state=Delivery.State.DUE)
        return due.update(state=state, ended_at=now, problem=problem[:300]) == 1

    def withdraw_prompts(self, authentication_request: int, now: datetime, why: str) -> int:
        """Close the prompts of a request that have not gone out; how many. One may be under way.

        What they carried is not kept.
        """
        due = self.filter(
            authentication_request_id=authentication_request,
            kind=Delivery.Kind.PROMPT,
            state=Delivery.State.DUE,
        )
        return due.update(state=Delivery.State.WITHDRAWN, ended_at=now, problem=why, payload="")

    def owed_a_push(self) -> models.QuerySet["Delivery", int]:
        """Keys of the requests whose push is still to be sent: they stay until it has been."""
        pushes = self.filter(kind=Delivery.Kind.PUSH, state=Delivery.State.DUE)
        return pushes.values_list("authentication_request_id", flat=True)

    def keep_payload(self, claimed: "Delivery", payload: str) -> bool:
        """Store what `claimed` carries; False when its claim has ended, and another worker has it.

        `claimed` is as its worker read it: `attempts` says whose claim it is.
        """
        due = self.filter(pk=claimed.pk, state=Delivery.State.DUE, attempts=claimed.attempts)
        return due.update(payload=payload) == 1

    def postpone(self, pk: int, until: datetime, problem: str) -> bool:
        """Try again later; whether it was still due."""
        due = self.filter(pk=pk, state=Delivery.State.DUE)
        return due.update(due_at=until, problem=problem[:300]) == 1

    def sendable_again(self) -> "DeliveryQuerySet":
        """Dead ones, but for pushes of tokens: those were revoked when the push died."""
        redeemed = AuthenticationRequest.Status.REDEEMED
        return self.filter(state=Delivery.State.DEAD).exclude(
            kind=Delivery.Kind.PUSH, authentication_request__status=redeemed
        )

    def send_again(self, now: datetime) -> int:
        """Make dead ones due again, as an operator asks; how many."""
        pks = list(self.sendable_again().values_list("pk", flat=True))
        dead = self.model._default_manager.filter(pk__in=pks, state=Delivery.State.DEAD)
        return dead.update(state=Delivery.State.DUE, due_at=now, ended_at=None)


class Delivery(models.Model):
    """One message of one authentication request: a prompt by a channel, a ping or a push."""

    class Kind(models.TextChoices):
        PROMPT = "prompt", "prompt to the user"
        PING = "ping", "ping to the client"
        PUSH = "push", "push to the client"

    class State(models.TextChoices):
        DUE = "due", "due"
        DELIVERED = "delivered", "delivered"
        DEAD = "dead", "dead letter"
        WITHDRAWN = "withdrawn", "withdrawn: no longer wanted"

    authentication_request = models.ForeignKey(
        AuthenticationRequest, models.CASCADE, related_name="deliveries"
    )
    kind = models.CharField(max_length=10, choices=Kind)
    channel = models.CharField(
        max_length=200,
        blank=True,
        help_text="Of a prompt: console, email, webpush, fcm, apns, sms, or a dotted path. "
        "Ping and push go to the client.",
    )
    round = models.PositiveIntegerField(
        default=1, help_text="A journey that prompts again starts another round."
    )
    state = models.CharField(max_length=10, choices=State, default=State.DUE)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(help_text="When to send; while claimed, when the claim ends.")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=300, blank=True, help_text="What the last attempt met.")
    # What a push carries, kept until the client has acknowledged it: a retry sends the same. Of a
    # prompt its passcode or link, and which devices have taken it, as JSON, until it has ended.
    payload = EncryptedTextField(blank=True, default="", editable=False)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["authentication_request", "kind", "channel", "round"],
                name="ciba_one_delivery_per_channel",
            ),
            models.UniqueConstraint(
                fields=["authentication_request"],
                condition=Q(kind__in=["ping", "push"]),
                name="ciba_one_call_to_the_client",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="due"), name="ciba_delivery_due"),
        ]
        ordering = ["-pk"]

    def __str__(self) -> str:
        by = f" by {self.channel}" if self.channel else ""
        return f"{self.kind}{by} ({self.state})"

    @property
    def keeps_payload(self) -> bool:
        """Whether it has been decided what it carries, be that readable or lost."""
        try:
            return bool(self.payload)
        except UndecryptableError:
            return True


class DeliveryAttempt(models.Model):
    """What one attempt of a delivery met."""

    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="history")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    outcome = models.CharField(max_length=20)
    detail = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["delivery", "number"]

    def __str__(self) -> str:
        return f"{self.number}: {self.outcome}"
