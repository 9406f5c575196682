"""What an approved request became: the grant, and the access and refresh tokens of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connections, models, router, transaction
from django.db.models import Exists, OuterRef

from django_ciba.models import secrets
from django_ciba.models.authentication_request import AuthenticationRequest
from django_ciba.models.client import Client
from django_ciba.protocol.confirmation import Confirmation

# PostgreSQL: claim the request, then store grant and tokens only if the claim took; one statement.
_REDEEM = """
WITH redeemed AS (
  UPDATE django_ciba_authenticationrequest
  SET status = 'redeemed', ended_at = %s, due_at = NULL{forgotten}
  WHERE id = %s AND client_id = %s AND status = 'authorized' AND expires_at > %s
  RETURNING id
), created AS (
  INSERT INTO django_ciba_grant (authentication_request_id, client_id, user_id, subject, scope,
    acr, amr, authorization_details, requested_claims, resource, authenticated_at, created_at,
    revoked_at)
  SELECT redeemed.id, %s, %s, %s, %s, %s, %s::jsonb, %s::jsonb, %s::jsonb, %s::jsonb, %s, %s, NULL
  FROM redeemed
  RETURNING id
)
INSERT INTO django_ciba_token (grant_id, kind, digest, scope, resource, narrowed_details, x5t_s256,
  jkt, created_at, expires_at, used_at)
SELECT created.id, token.kind, token.digest, token.scope, token.resource::jsonb,
       token.narrowed_details::jsonb, token.x5t_s256, token.jkt, token.created_at::timestamptz,
       token.expires_at::timestamptz, NULL
FROM created, (VALUES {rows})
  AS token (kind, digest, scope, resource, narrowed_details, x5t_s256, jkt, created_at, expires_at)
"""


# What the client need not be sent any more once it has its tokens.
_FORGOTTEN = {"auth_req_id_encrypted": "", "client_notification_token": ""}


class GrantQuerySet(models.QuerySet["Grant"]):
    def redeem(
        self, grant: "Grant", tokens: "Sequence[Token]", now: datetime, *, pushed: bool = False
    ) -> bool:
        """CIBA Core §10.1: one auth_req_id gives tokens once; whether this call was the one.

        Claiming the request and storing its grant and tokens stand or fall together; the caller
        lets nothing out unless this returns True. The secrets that a call to the client needs are
        wiped, unless the tokens are `pushed`: then that call is still to be made.
        """
        forgotten = {} if pushed else _FORGOTTEN
        alias, found = router.db_for_write(Grant), grant.authentication_request
        if found is None:
            return False
        if connections[alias].vendor == "postgresql":
            return _redeem_in_one(alias, grant, tokens, now, forgotten)
        with transaction.atomic(using=alias):
            claimed = (
                AuthenticationRequest.objects.using(alias)
                .filter(
                    pk=found.pk,
                    client_id=grant.client_id,
                    status=AuthenticationRequest.Status.AUTHORIZED,
                    expires_at__gt=now,
                )
                .update(
                    status=AuthenticationRequest.Status.REDEEMED,
                    ended_at=now,
                    due_at=None,
                    **forgotten,
                )
            )
            if not claimed:
                return False
            grant.save(force_insert=True, using=alias)
            for token in tokens:
                token.grant = grant
            Token.objects.using(alias).bulk_create(tokens)
        return True

    def of_token(self, value: str, client: Client) -> "GrantQuerySet":
        """The grant of that client that the token belongs to, in any state; none if unknown."""
        return self.filter(tokens__digest=secrets.digest(value), client_id=client.pk)

    def revoke(self, now: datetime) -> int:
        """End these grants, and so every token of theirs; how many were still live."""
        return self.filter(revoked_at__isnull=True).update(revoked_at=now)


def _redeem_in_one(
    alias: str,
    grant: "Grant",
    tokens: "Sequence[Token]",
    now: datetime,
    forgotten: Mapping[str, str],
) -> bool:
    connection = connections[alias]

    def as_json(row: models.Model, name: str) -> Any:
        field: models.Field[Any, Any] = row._meta.get_field(name)  # type: ignore[assignment]
        return field.get_db_prep_save(getattr(row, name), connection)

    values: list[Any] = [
        now,
        grant.authentication_request_id,
        grant.client_id,
        now,
        grant.client_id,
        grant.user_id,
        grant.subject,
        grant.scope,
        grant.acr,
        as_json(grant, "amr"),
        as_json(grant, "authorization_details"),
        as_json(grant, "requested_claims"),
        as_json(grant, "resource"),
        grant.authenticated_at,
        grant.created_at,
    ]
    for token in tokens:
        values += [token.kind, token.digest, token.scope, as_json(token, "resource")]
        values += [as_json(token, "narrowed_details"), token.x5t_s256, token.jkt]
        values += [token.created_at, token.expires_at]
    rows = ", ".join(["(%s, %s, %s, %s, %s, %s, %s, %s, %s)"] * len(tokens))
    with connection.cursor() as cursor:
        wiped = "".join(f", {name} = ''" for name in forgotten)
        cursor.execute(_REDEEM.format(rows=rows, forgotten=wiped), values)
        return bool(cursor.rowcount == len(tokens))


class Grant(models.Model):
    """One user's yes to one client. Every token leads back here; ending it ends them all."""

    authentication_request = models.OneToOneField(
        AuthenticationRequest,
        models.SET_NULL,
        null=True,
        related_name="grant",
        help_text="Empty when the request was deleted after its retention.",
    )
    client = models.ForeignKey(Client, models.CASCADE, related_name="grants")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="ciba_grants")
    subject = models.CharField(max_length=255, help_text="sub, as the client knows the user")
    scope = models.CharField(max_length=1000)
    acr = models.CharField("ACR", max_length=200, blank=True)
    amr = models.JSONField("AMR", default=list, blank=True)
    authorization_details = models.JSONField(default=list, blank=True)
    requested_claims = models.JSONField(default=dict, blank=True)
    resource = models.JSONField(default=list, blank=True)
    authenticated_at = models.DateTimeField(help_text="auth_time")
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = GrantQuerySet.as_manager()

    class Meta:
        indexes = [
            # A pairwise subject leads back to its user through the grants of the client.
            models.Index(fields=["client", "subject"], name="ciba_grant_subject"),
        ]
        ordering = ["-pk"]

    def __str__(self) -> str:
        """With the client's name only where it has been read: a list of grants asks for no more."""
        if not Grant._meta.get_field("client").is_cached(self):
            return f"grant {self.pk}"
        return f"grant {self.pk} of {self.client.client_id}"


class TokenQuerySet(models.QuerySet["Token"]):
    def live(self, value: str, now: datetime) -> "TokenQuerySet":
        """The unexpired, unspent, unrevoked token of that value, with grant and user, if any."""
        return self.select_related("grant__user").filter(
            digest=secrets.digest(value),
            expires_at__gt=now,
            used_at__isnull=True,
            grant__revoked_at__isnull=True,
        )

    def live_access_token(self, value: str, now: datetime) -> "Token | None":
        """The unexpired, unrevoked access token of that value, with grant and user; else None."""
        return self.live(value, now).filter(kind=Token.Kind.ACCESS).first()

    def refresh_token(self, value: str, client: Client) -> "Token | None":
        """The refresh token of that value and client in any state, with grant and user."""
        return (
            self.select_related("grant__user")
            .filter(
                digest=secrets.digest(value), kind=Token.Kind.REFRESH, grant__client_id=client.pk
            )
            .first()
        )

    def rotate(self, used: "Token", successors: "Sequence[Token]", now: datetime) -> bool:
        """RFC 9700 §4.14: spend a refresh token once for its successors; whether it took.

        `used_at` is a condition on the updated row itself, not on a join: PostgreSQL looks at it
        again after waiting for another spender, and at a subquery it does not.
        """
        alias = router.db_for_write(Token)
        live = Grant.objects.using(alias).filter(pk=OuterRef("grant_id"), revoked_at__isnull=True)
        with transaction.atomic(using=alias):
            spent = (
                self.using(alias)
                .filter(Exists(live), pk=used.pk, used_at__isnull=True, expires_at__gt=now)
                .update(used_at=now)
            )
            if spent:
                self.using(alias).bulk_create(successors)
        return bool(spent)


class Token(models.Model):
    """An access or refresh token: the digest is all that is kept of its value.

    `x5t_s256` and `jkt` are what it is bound to: the certificate or the DPoP key of the client
    that asked for it. Empty: a bearer token.
    """

    class Kind(models.TextChoices):
        ACCESS = "access", "access token"
        REFRESH = "refresh", "refresh token"

    grant = models.ForeignKey(Grant, models.CASCADE, related_name="tokens")
    kind = models.CharField(max_length=10, choices=Kind)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scope = models.CharField(max_length=1000)
    resource = models.JSONField(
        default=list, blank=True, help_text="The resources it is for (RFC 8707); empty: any."
    )
    narrowed_details = models.JSONField(
        null=True,
        blank=True,
        help_text="Of the granted authorization details, those that this token is for "
        "(RFC 9396 §6); null: all of them.",
    )
    x5t_s256 = models.CharField(
        "certificate", max_length=43, blank=True, help_text="x5t#S256 (RFC 8705 §3.1)"
    )
    jkt = models.CharField("DPoP key", max_length=43, blank=True, help_text="jkt (RFC 9449 §6.1)")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(
        null=True, blank=True, help_text="When a refresh token was spent."
    )

    objects = TokenQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.kind} token {self.pk}"

    @property
    def authorization_details(self) -> list[dict[str, Any]]:
        """RFC 9396 §7, §9: what this one token is for, which may be less than was granted."""
        if self.narrowed_details is None:
            return list(self.grant.authorization_details)
        return list(self.narrowed_details)

    def is_bound_as_needed(self, client: Client) -> bool:
        """FAPI 1.0 Advanced §5.2.2 (5): an access token of that profile is no bearer token.

        Nor is one from before the client, or its realm, was held to the profile.
        """
        held = client.is_fapi or client.realm.conf.REQUIRE_FAPI_CIBA
        return bool(self.kind != Token.Kind.ACCESS or self.confirmation.cnf or not held)

    @property
    def confirmation(self) -> Confirmation:
        """What the token is bound to."""
        return Confirmation(x5t_s256=self.x5t_s256, jkt=self.jkt)
