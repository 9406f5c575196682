"""The DPoP proofs that have been used, until they are too old to be used again (RFC 9449 §11.1)."""

import logging
import threading
from datetime import datetime
from typing import Any

from django.core.signals import request_finished
from django.db import DatabaseError, close_old_connections, connections, models, router

from django_ciba.models import secrets
from django_ciba.models.one_statement import insert_once

logger = logging.getLogger("django_ciba.models")


class UsedProofQuerySet(models.QuerySet["UsedProof"]):
    def consume(self, jkt: str, jti: str, expires_at: datetime) -> bool:
        """RFC 9449 §11.1: whether this is the first use of `jti` by that key; one statement.

        At an API of the site's own the transaction may be that of ATOMIC_REQUESTS, which a refusal
        of the view rolls back, use and all: it is noted again when the request is over.
        """
        digest = secrets.digest(f"{jkt} {jti}")
        first = insert_once(UsedProof(digest=digest, expires_at=expires_at))
        if first and _the_request_is_atomic():
            _in_doubt.uses.append((digest, expires_at))
        return first


class UsedProof(models.Model):
    """One consumed proof; only its digest, since a client may write anything into it."""

    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField(db_index=True)

    objects = UsedProofQuerySet.as_manager()

    def __str__(self) -> str:
        return self.digest[:8]


class _OfThisThread(threading.local):
    """Django runs a view, and what ends its request, in one thread."""

    def __init__(self) -> None:
        self.uses: list[tuple[str, datetime]] = []


_in_doubt = _OfThisThread()


def _the_request_is_atomic() -> bool:
    connection = connections[router.db_for_write(UsedProof)]
    return connection.in_atomic_block and bool(connection.settings_dict["ATOMIC_REQUESTS"])


def _note_again(**kwargs: Any) -> None:
    """Insert what a rollback may have taken away; where nothing was, this changes nothing."""
    if not _in_doubt.uses:
        return
    uses, _in_doubt.uses = _in_doubt.uses, []
    try:
        for digest, expires_at in uses:
            insert_once(UsedProof(digest=digest, expires_at=expires_at))
    except DatabaseError as error:
        logger.error("a used DPoP proof could not be noted", exc_info=error)
    finally:
        close_old_connections()  # Django's own receiver of the signal has run already


request_finished.connect(_note_again)
