"""The DPoP proofs that have been used, until they are too old to be used again (RFC 9449 §11.1)."""

from datetime import datetime

from django.db import models

from django_ciba.models import secrets
from django_ciba.models.one_statement import insert_once


class UsedProofQuerySet(models.QuerySet["UsedProof"]):
    def consume(self, jkt: str, jti: str, expires_at: datetime) -> bool:
        """RFC 9449 §11.1: whether this is the first use of `jti` by that key; one statement."""
        return insert_once(UsedProof(digest=secrets.digest(f"{jkt} {jti}"), expires_at=expires_at))


class UsedProof(models.Model):
    """One consumed proof; only its digest, since a client may write anything into it."""

    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField(db_index=True)

    objects = UsedProofQuerySet.as_manager()

    def __str__(self) -> str:
        return self.digest[:8]
