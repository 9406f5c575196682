"""The `jti` of each JWT that may be used once, until it expires."""

from datetime import UTC, datetime

from django.db import IntegrityError, connections, models, router, transaction

from django_ciba.models import secrets
from django_ciba.models.client import Client


class UsedAssertionQuerySet(models.QuerySet["UsedAssertion"]):
    def consume(self, client: Client, jti: str, exp: float) -> bool:
        """RFC 7523 §3 (7): whether this is the first use of `jti` by that client; one statement.

        `exp` is the NumericDate of its JWT; cleanup keeps the row for the clocks' leeway beyond it.

        The unique constraint decides, so that of two simultaneous uses one is the first.
        """
        alias = router.db_for_write(UsedAssertion)
        connection = connections[alias]
        values = (client.pk, secrets.digest(jti), datetime.fromtimestamp(exp, UTC))
        if connection.vendor not in ("postgresql", "sqlite"):
            try:
                with transaction.atomic(using=alias):
                    self.using(alias).create(
                        client_id=values[0], jti_digest=values[1], expires_at=values[2]
                    )
            except IntegrityError:
                return False
            return True
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO django_ciba_usedassertion (client_id, jti_digest, expires_at) "
                "VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                (values[0], values[1], connection.ops.adapt_datetimefield_value(values[2])),
            )
            return bool(cursor.rowcount == 1)


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
