"""Claim a delivery, send it, record what happened. A crash anywhere loses nothing."""

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import router, transaction
from django.utils import timezone

from django_ciba.conf import ciba_settings
from django_ciba.models import Delivery, DeliveryAttempt
from django_ciba.models.delivery import DeliveryQuerySet
from django_ciba.models.secrets import UndecryptableError

logger = logging.getLogger("django_ciba.outbox")

FIRST_RETRY_SECONDS = 2
LAST_RETRY_SECONDS = 60

Sender = Callable[[Delivery, datetime], None]
Ending = Callable[[Delivery, str, datetime], None]


class TryAgain(Exception):
    """The other side may take it later. The text is recorded: no secrets.

    `after`: the seconds that it asked us to wait, if it did. `till_after_expiry`: nothing could be
    sent yet, and when the request has run out there is that to tell. `partly`: some of those that
    it is for have it, so that it counts as delivered when there is no more time for the others.
    """

    def __init__(
        self,
        said: str,
        *,
        after: float | None = None,
        till_after_expiry: bool = False,
        partly: bool = False,
    ) -> None:
        super().__init__(said)
        self.after = after
        self.till_after_expiry = till_after_expiry
        self.partly = partly


class GiveUp(Exception):
    """The other side will never take it. The text is recorded: no secrets."""


class Withdrawn(Exception):
    """Nobody wants this message any more."""


def deliver(
    pk: int,
    senders: Mapping[str, Sender],
    now: datetime,
    endings: Mapping[str, Ending] | None = None,
) -> bool:
    """Send one due delivery; whether this worker had it.

    `senders` and `endings` are what is done for each kind: the latter, with the state that it
    ended in, by whoever ended it, in that same transaction.

    Sending happens outside any transaction. If the worker dies meanwhile, the lease ends and
    another one sends again: receivers may get a message twice, never not at all.
    """
    if not Delivery.objects.lease(pk, now, ciba_settings.DELIVERY_LEASE):
        return False
    delivery = Delivery.objects.select_related(
        "authentication_request__client__realm", "authentication_request__user"
    ).get(pk=pk)
    came = _attempt(delivery, senders[delivery.kind], now)
    state, problem = came.state, _storable(came.said)
    ended = timezone.now()
    again = ended + max(retry_after(delivery.attempts), came.wait)
    expires_at = delivery.authentication_request.expires_at
    if state == Delivery.State.DUE and again >= expires_at:
        if came.till_after_expiry:
            again = max(ended, expires_at)
        else:
            state = Delivery.State.DELIVERED if came.partly else Delivery.State.DEAD
    with transaction.atomic(using=router.db_for_write(Delivery)):
        # Unless our lease ran out meanwhile: the row is another worker's then. What has been
        # delivered is delivered, whoever did it.
        ours = Delivery.objects.filter(attempts=delivery.attempts)
        if state == Delivery.State.DUE:
            ours.postpone(pk, again, problem)
        elif state == Delivery.State.DELIVERED:
            _end(Delivery.objects.all(), delivery, state, ended, problem, endings)
        else:
            _end(ours, delivery, state, ended, problem, endings)
        DeliveryAttempt.objects.create(
            delivery=delivery,
            number=delivery.attempts,
            at=now,
            outcome="retry" if state == Delivery.State.DUE else state,
            detail=problem,
        )
    return True


def _end(
    rows: DeliveryQuerySet,
    delivery: Delivery,
    state: str,
    now: datetime,
    problem: str,
    endings: Mapping[str, Ending] | None,
) -> None:
    """Close the delivery, if it is one of these rows still, and do what follows from that."""
    if rows.end(delivery.pk, state, now, problem) and endings and delivery.kind in endings:
        endings[delivery.kind](delivery, state, now)


@dataclass(frozen=True, slots=True)
class _Came:
    """What came of one attempt; `wait` is the least before the next."""

    state: str
    said: str = ""
    wait: timedelta = timedelta()
    till_after_expiry: bool = False
    partly: bool = False


def _attempt(delivery: Delivery, sender: Sender, now: datetime) -> _Came:
    try:
        sender(delivery, now)
    except Withdrawn as error:
        return _Came(Delivery.State.WITHDRAWN, str(error))
    except GiveUp as error:
        return _Came(Delivery.State.DEAD, str(error))
    except TryAgain as error:
        asked = timedelta(seconds=min(max(error.after or 0, 0), LAST_RETRY_SECONDS))
        return _Came(Delivery.State.DUE, str(error), asked, error.till_after_expiry, error.partly)
    except UndecryptableError as error:  # the key may be put back
        logger.error("delivery %s: %s", delivery.pk, error)
        return _Came(Delivery.State.DUE, str(error))
    except Exception as error:
        # A channel is the site's own code: what it raises must not lose the message. Its text
        # may hold an address or a token, so the type alone is stored.
        logger.exception("delivery %s failed", delivery.pk)
        return _Came(Delivery.State.DUE, type(error).__name__)
    return _Came(Delivery.State.DELIVERED)


def _storable(text: str) -> str:
    """What a channel said, as every database can keep it."""
    return text[:300].replace("\0", "?").encode(errors="replace").decode()


def retry_after(attempts: int) -> timedelta:
    """Exponential backoff with full jitter, so that a fallen server is not met by a herd."""
    most = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(attempts - 1, 10))
    return timedelta(seconds=1, milliseconds=secrets.randbelow(most * 1000))
