"""What the relying party posted to bc-authorize, and the row that lives on (design §5).

Pending, then exactly one of authorized, denied, failed, cancelled; authorized may become redeemed.
*Expired* is a comparison with `expires_at`, never a status. Every change of status is one
conditional UPDATE that says whether it took.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connections, models, router
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from django_ciba.models import secrets
from django_ciba.models.client import Client
from django_ciba.models.configuration import configuration
from django_ciba.models.one_statement import insert_guarded
from django_ciba.models.prompt_limits import PromptLimits
from django_ciba.models.secrets import EncryptedTextField, UndecryptableError

if TYPE_CHECKING:
    from django_ciba.models.delivery import Delivery

ROUNDS = "@prompts"  # in `memory`; no node's key begins with @
ASKED = "@asked"  # which of them was the last question
FAILURES = "@failures"  # wrong numbers or passcodes of the present prompt
NUMBER_TRIES = "@number_tries"  # wrong numbers that the request still allows; the last one ends it
SLOW_DOWN_SECONDS = 5  # CIBA Core §11: the interval grows by at least this


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll of a pending request came to."""

    in_time: bool
    interval: int
    retry_after: int  # whole seconds until the next poll is welcome


# One statement: pacing columns only, so that a poll can never touch the user's answer. A poll in
# time moves polled_us, one too soon grows the interval; neither moves both. The columns are plain
# integers because interval arithmetic on them is the same SQL on every engine.
_POLL = f"""
UPDATE django_ciba_authenticationrequest SET
  polling_interval = CASE
    WHEN polled_us + polling_interval * 1000000 <= %s OR polling_interval >= %s
      THEN polling_interval
    WHEN polling_interval + {SLOW_DOWN_SECONDS} > %s THEN %s
    ELSE polling_interval + {SLOW_DOWN_SECONDS} END,
  slow_downs = slow_downs + CASE
    WHEN polled_us + polling_interval * 1000000 <= %s THEN 0 ELSE 1 END,
  polled_us = CASE
    WHEN polled_us + polling_interval * 1000000 <= %s THEN %s ELSE polled_us END
WHERE auth_req_id_digest = %s AND client_id = %s AND status = 'pending' AND expires_at > %s
  AND dpop_jkt IN ('', %s)
"""
_POLL_RETURNING = f"{_POLL} RETURNING polled_us, polling_interval"


def microseconds(moment: datetime) -> int:
    """Since the epoch."""
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


# Its user has been asked: in the inbox, or by the relying party, whose question has only an end.
_PUT_BEFORE_ITS_USER = Q(prompted_at__isnull=False) | Q(prompt_until__isnull=False)


class AuthenticationRequestQuerySet(models.QuerySet["AuthenticationRequest"]):
    def poll(
        self, auth_req_id: str, client: Client, now: datetime, most: int, *, jkt: str
    ) -> Polled | None:
        """CIBA Core §7.3, §11: pace one poll of a pending request; None when none is pending.

        `most` is the number of seconds that the interval may grow to; `jkt` is the DPoP key that
        has been proved, or "". A request that waits for another key is not paced.
        """
        alias = router.db_for_write(AuthenticationRequest)
        connection = connections[alias]
        now_us = microseconds(now)
        key = (secrets.digest(auth_req_id), client.pk)
        moment = connection.ops.adapt_datetimefield_value(now)
        values = (now_us, most, most, most, now_us, now_us, now_us, *key, moment, jkt)
        with connection.cursor() as cursor:
            if connection.vendor in ("postgresql", "sqlite"):
                cursor.execute(_POLL_RETURNING, values)
                row = cursor.fetchone()
            else:
                cursor.execute(_POLL, values)
                row = (
                    self.using(alias)
                    .filter(auth_req_id_digest=key[0], client_id=key[1])
                    .values_list("polled_us", "polling_interval")
                    .first()
                    if cursor.rowcount
                    else None
                )
        if row is None:
            return None
        polled_us, interval = row
        wait_us = polled_us + interval * 1_000_000 - now_us
        return Polled(polled_us == now_us, interval, max(1, -(-wait_us // 1_000_000)))

    def settled(self, digests: Sequence[str], now: datetime) -> list[str]:
        """Those of the requests with these digests that are no longer pending; one statement."""
        over = self.filter(auth_req_id_digest__in=digests).exclude(
            status=self.model.Status.PENDING, expires_at__gt=now
        )
        return list(over.values_list("auth_req_id_digest", flat=True))

    def named(self, auth_req_id: str, client: Client) -> "AuthenticationRequest | None":
        """The request of that name and client in any state, with its user; None if unknown."""
        return (
            self.select_related("user")
            .filter(auth_req_id_digest=secrets.digest(auth_req_id), client_id=client.pk)
            .first()
        )

    def add(
        self,
        created: "AuthenticationRequest",
        deliveries: "Sequence[Delivery]",
        limits: PromptLimits | None = None,
    ) -> str:
        """Store a request together with what it wants sent, unless its user has been asked enough.

        One round trip where the engine can. Returns the `Limit` that one more would pass, with
        nothing stored, or ""; a request for nobody is not counted.
        """
        alias = router.db_for_write(AuthenticationRequest)
        guard = None
        if limits is not None and created.user is not None:
            guard = limits.guard(
                created.user, created.client_id, created.created_at, connections[alias]
            )
        return insert_guarded(alias, created, deliveries, "authentication_request", guard)

    def advance(self, stored: "AuthenticationRequest", now: datetime, **values: Any) -> bool:
        """Move a pending request one step on; False when it has moved, ended or expired since.

        `stored` is as it was read: its `step` says what the caller decided on.
        """
        waiting = self.filter(
            pk=stored.pk, step=stored.step, status=self.model.Status.PENDING, expires_at__gt=now
        )
        return waiting.update(step=stored.step + 1, **values) == 1

    def end_expired(self, pk: int, now: datetime) -> bool:
        """Note once that a pending request has run out; True for the one who noted it.

        The status stays: expired is a comparison. What is noted is that its journey is over.
        """
        over = self.filter(
            pk=pk, status=self.model.Status.PENDING, expires_at__lte=now, due_at__isnull=False
        )
        return over.update(due_at=None) == 1

    def end_first_step(self, stored: "AuthenticationRequest", now: datetime) -> bool:
        """Protocol §6: one auth_req_id gives one middle token; whether this call was the one.

        Neither the journey nor the user's answer is touched: those move on by `advance`.
        """
        waiting = self.filter(
            pk=stored.pk,
            auth_req_id_digest=stored.auth_req_id_digest,
            first_step_digest="",
            status=self.model.Status.PENDING,
            expires_at__gt=now,
        )
        return waiting.update(first_step_digest=stored.auth_req_id_digest) == 1

    def forget_secrets(self) -> int:
        """CIBA Core §10.2: wipe what was kept to call the client, which needs no call any more."""
        return self.update(auth_req_id_encrypted="", client_notification_token="")

    def cancel(self, pk: int, now: datetime) -> bool:
        """Withdraw a pending request; whether it took."""
        pending = self.filter(pk=pk, status=self.model.Status.PENDING, expires_at__gt=now)
        return pending.update(status=self.model.Status.CANCELLED, due_at=None, ended_at=now) == 1

    def report(self, pk: int, now: datetime) -> bool:
        """Note once, whatever its state, that its user has reported it; whether it took."""
        return self.filter(pk=pk, reported_at__isnull=True).update(reported_at=now) == 1

    def take_back(self, pk: int, status: str, now: datetime) -> bool:
        """Turn what has given no tokens into a no, if it stands so; whether it took."""
        standing = self.filter(pk=pk, status=status, expires_at__gt=now)
        no = self.model.Answer.DENIED
        return (
            standing.update(
                status=self.model.Status.DENIED,
                answer=no,
                answered_at=now,
                ended_at=now,
                due_at=None,
                node="",
                step=F("step") + 1,
            )
            == 1
        )

    def put_before(self, user: Any) -> "AuthenticationRequestQuerySet":
        """All that this user has been asked, answered or not, in the inbox or by the client."""
        return self.filter(_PUT_BEFORE_ITS_USER, user_id=user.pk)

    def waiting_for(self, user: Any, now: datetime) -> "AuthenticationRequestQuerySet":
        """What that user is being asked now, the one that runs out first on top.

        Of those that look the same to them it is the newest: that is what its client waits for.
        """
        rows = self.prompted(now).of_enabled_clients().filter(user=user)
        return rows.exclude(Exists(_likes(now).filter(pk__gt=OuterRef("pk")))).order_by(
            "prompt_until", "pk"
        )

    def of_enabled_clients(self) -> "AuthenticationRequestQuerySet":
        """Those that somebody still asks: neither their client is disabled, nor its realm, nor one
        above that.
        """
        realms = [realm.pk for realm in configuration().realms().values()]
        return self.filter(client__enabled=True, client__realm_id__in=realms)

    def prompted(self, now: datetime) -> "AuthenticationRequestQuerySet":
        """Those whose prompt in the inbox can be answered now."""
        return self.answerable(now).filter(prompted_at__isnull=False)

    def answerable(self, now: datetime) -> "AuthenticationRequestQuerySet":
        """Pending and unanswered, and their last question, if there was one, has not run out."""
        return self.filter(
            status=self.model.Status.PENDING,
            answer="",
            expires_at__gt=now,
        ).filter(Q(prompt_until__isnull=True) | Q(prompt_until__gt=now))

    def like(
        self, found: "AuthenticationRequest", now: datetime
    ) -> "AuthenticationRequestQuerySet":
        """What its user is asked besides and could not tell from it, the newest first."""
        return self.prompted(now).looking_like(found).order_by("-pk")

    def denied_with(
        self, found: "AuthenticationRequest", now: datetime
    ) -> "AuthenticationRequestQuerySet":
        """What a no to it is a no to besides: what looks the same, and waits wherever it is asked.

        A question of the relying party's is shown to its user too, to be denied.
        """
        return self.answerable(now).looking_like(found).filter(_PUT_BEFORE_ITS_USER)

    def reported_with(
        self, found: "AuthenticationRequest", now: datetime
    ) -> "AuthenticationRequestQuerySet":
        """What a report of it ends besides: what looks the same, and may still be approved.

        One that is between two prompts would be asked again, so it is among them; the oldest first.
        """
        rows = self.looking_like(found).filter(
            _PUT_BEFORE_ITS_USER, status=self.model.Status.PENDING, expires_at__gt=now
        )
        return rows.exclude(answer=self.model.Answer.APPROVED).order_by("pk")

    def looking_like(self, found: "AuthenticationRequest") -> "AuthenticationRequestQuerySet":
        """The other requests, in whatever state, that its user could not tell from it."""
        if not found.likeness or found.user_id is None:
            return self.none()
        rows = self.filter(user_id=found.user_id, likeness=found.likeness)
        return rows.exclude(pk=found.pk)

    def times_asked(self, now: datetime) -> "AuthenticationRequestQuerySet":
        """With `times_asked`: how many that look like it wait, itself among them."""
        counted = _likes(now).order_by().values("likeness").annotate(count=Count("pk"))
        return self.annotate(times_asked=Coalesce(Subquery(counted.values("count")), 1))

    def due(self, now: datetime, at_most: int) -> list[int]:
        """Primary keys of pending requests whose timer or life has run out."""
        rows = self.filter(status=self.model.Status.PENDING, due_at__lte=now)
        return list(rows.order_by("due_at").values_list("pk", flat=True)[:at_most])

    def lease(self, pk: int, now: datetime, seconds: int) -> bool:
        """Claim a due request for one worker by moving `due_at` to the lease's end.

        A worker that dies loses nothing: the row comes due again.
        """
        due = self.filter(pk=pk, status=self.model.Status.PENDING, due_at__lte=now)
        return due.update(due_at=now + timedelta(seconds=seconds)) == 1

    def delete_ended(self, before: datetime, at_most: int) -> int:
        """Delete up to `at_most` requests that expired or ended before that time; how many."""
        over = self.filter(expires_at__lt=before).order_by("expires_at")
        pks = list(over.values_list("pk", flat=True)[:at_most])
        self.filter(pk__in=pks).delete()
        return len(pks)


def _likes(now: datetime) -> AuthenticationRequestQuerySet:
    """What the user of an outer query's request is asked, and could not tell from it."""
    rows = AuthenticationRequest.objects.prompted(now)
    return rows.filter(user_id=OuterRef("user_id"), likeness=OuterRef("likeness")).exclude(
        likeness=""
    )


class AuthenticationRequest(models.Model):
    """CIBA Core §7.1. The `auth_req_id` itself is kept only as a digest."""

    class Status(models.TextChoices):
        PENDING = "pending", "pending"
        AUTHORIZED = "authorized", "authorized"
        DENIED = "denied", "denied"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"
        REDEEMED = "redeemed", "redeemed"

    class Answer(models.TextChoices):
        NONE = "", "none yet"
        APPROVED = "approved", "approved"
        DENIED = "denied", "denied"
        FAILED = "failed", "failed: a wrong number or passcode"

    public_id = models.UUIDField(
        unique=True, default=uuid.uuid4, editable=False, help_text="Its name on the user's device."
    )
    auth_req_id_digest = models.CharField(max_length=64, unique=True, editable=False)
    # The name under which it gave a middle token; while that is its name, the second step is due.
    first_step_digest = models.CharField(max_length=64, blank=True, editable=False)
    auth_req_id_encrypted = EncryptedTextField(blank=True, default="", editable=False)
    client_notification_token = EncryptedTextField(blank=True, default="", editable=False)
    client = models.ForeignKey(Client, models.CASCADE, related_name="authentication_requests")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        db_index=False,  # the first column of ciba_request_of_user is enough
        related_name="ciba_authentication_requests",
        help_text="Empty when the hint named nobody and the client must not learn it.",
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    scope = models.CharField(max_length=1000)
    binding_message = models.CharField(max_length=100, blank=True)
    acr = models.CharField("ACR", max_length=200, blank=True, help_text="The mapped acr value.")
    ui_locales = models.CharField(max_length=200, blank=True)
    authorization_details = models.JSONField(default=list, blank=True)
    requested_claims = models.JSONField(
        default=dict, blank=True, help_text="The claims parameter (OpenID Connect Core §5.5)."
    )
    resource = models.JSONField(
        default=list, blank=True, help_text="The resources that the tokens are for (RFC 8707)."
    )
    dpop_jkt = models.CharField(
        "DPoP key", max_length=43, blank=True, help_text="The key that must ask for the tokens."
    )

    # As wide as polled_us: PostgreSQL multiplies two of its integers as an integer.
    polling_interval = models.PositiveBigIntegerField(help_text="Seconds between polls.")
    polled_us = models.BigIntegerField(
        default=0, help_text="Last poll in time, microseconds since the epoch; 0: none yet."
    )
    slow_downs = models.PositiveIntegerField(default=0, help_text="Polls that came too soon.")

    journey_version = models.ForeignKey("JourneyVersion", models.RESTRICT, related_name="+")
    node = models.CharField(max_length=100, blank=True, help_text="Where the journey waits.")
    step = models.PositiveIntegerField(default=0, help_text="Counts the journey's moves.")
    memory = models.JSONField(default=dict, blank=True, help_text="What nodes must remember.")
    walk = models.JSONField(default=list, blank=True, help_text="Nodes, outcomes and times so far.")
    due_at = models.DateTimeField(
        null=True, blank=True, help_text="When its timer, or its life, runs out."
    )

    prompted_at = models.DateTimeField(null=True, blank=True)
    prompt_until = models.DateTimeField(null=True, blank=True)
    demand = models.JSONField(
        default=dict, blank=True, help_text="What an approval of this prompt must come with."
    )
    number = models.CharField(
        max_length=2, blank=True, help_text="What the client shows, for the user to find again."
    )
    likeness = models.CharField(
        max_length=64, blank=True, help_text="Equal for requests that look the same to their user."
    )
    answer = models.CharField(max_length=10, choices=Answer, blank=True, default=Answer.NONE)
    answered_at = models.DateTimeField(null=True, blank=True)
    wrong_at = models.DateTimeField(
        null=True, blank=True, help_text="When a number or passcode for it was last wrong."
    )
    reported_at = models.DateTimeField(
        null=True, blank=True, help_text="When its user said: this was not me."
    )
    authenticated_at = models.DateTimeField(null=True, blank=True, help_text="auth_time")
    amr = models.JSONField("AMR", default=list, blank=True)

    objects = AuthenticationRequestQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="ciba_tokens_need_an_authentication",
                condition=~Q(status__in=["authorized", "redeemed"])
                | Q(
                    authenticated_at__isnull=False,
                    answer="approved",
                    answered_at__isnull=False,
                    user__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="ciba_denied_by_an_answer",
                condition=~Q(status="denied") | Q(answer="denied"),
            ),
            models.CheckConstraint(
                name="ciba_status_known",
                condition=Q(
                    status__in=[
                        "pending",
                        "authorized",
                        "denied",
                        "failed",
                        "cancelled",
                        "redeemed",
                    ]
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(status="pending", due_at__isnull=False),
                name="ciba_request_due",
            ),
            # What a user is asked, and was lately: the inbox, and the limits of new requests.
            models.Index(fields=["user", "expires_at"], name="ciba_request_of_user"),
        ]
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.public_id} {self.status}"

    def is_expired(self, now: datetime) -> bool:
        return self.expires_at <= now

    @property
    def answerable_until(self) -> datetime:
        """When an answer comes too late: a prompt may run out before its request."""
        return min(self.prompt_until or self.expires_at, self.expires_at)

    @property
    def is_asked_at_client(self) -> bool:
        """Whether its last question is for the relying party to ask, and not in the inbox."""
        return self.prompted_at is None and self.prompt_until is not None

    @property
    def is_of_enabled_client(self) -> bool:
        """Whether somebody still asks it: as `of_enabled_clients`."""
        realms = configuration().realms().values()
        return self.client.enabled and any(self.client.realm_id == realm.pk for realm in realms)

    @property
    def awaits_second_step(self) -> bool:
        """Whether its name has given a middle token, and no second step has renamed it yet."""
        return bool(self.first_step_digest) and self.first_step_digest == self.auth_req_id_digest

    @property
    def keeps_secrets(self) -> bool:
        """Whether what a call to its client needs is still stored, be it readable or lost."""
        try:
            return bool(self.client_notification_token)
        except UndecryptableError:
            return True

    @property
    def state(self) -> str:
        """Status, or "expired", for people to read."""
        if self.status == self.Status.PENDING and self.is_expired(timezone.now()):
            return "expired"
        return str(self.status)

    @property
    def prompt_number(self) -> int:
        """How often its journey has prompted the user so far."""
        return int(self.memory.get(ROUNDS, 0))

    @property
    def scopes(self) -> frozenset[str]:
        return frozenset(self.scope.split())
