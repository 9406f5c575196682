"""The `jti` of each JWT that may be used once, until it expires."""

from datetime import UTC, datetime

from django.db import models

from django_ciba.models import secrets
from django_ciba.models.client import Client
from django_ciba.models.one_statement import insert_once


class UsedAssertionQuerySet(models.QuerySet["UsedAssertion"]):
    def consume(self, client: Client, jti: str, exp: float) -> bool:
        """RFC 7523 §3 (7): whether this is the first use of `jti` by that client; one statement.

        `exp` is the NumericDate of its JWT; cleanup keeps the row for the clocks' leeway beyond it.
        """
        expires_at = datetime.fromtimestamp(exp, UTC)
        return insert_once(
            UsedAssertion(client=client, jti_digest=secrets.digest(jti), expires_at=expires_at)
        )


class UsedAssertion(models.Model):
    """One consumed `jti`; only its digest, since a client may write anything into it."""

    client = models.ForeignKey(Client, models.CASCADE, related_name="+")
    jti_digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField(db_index=True)

    objects = UsedAssertionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["client", "jti_digest"], name="ciba_jti_once_per_client"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.client_id} {self.jti_digest[:8]}"
