"""What a user is asked, and was: the pages and the API look it up alike."""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet

from django_ciba.authentication_device.presentation import Outcome, outcome, times_asked
from django_ciba.models import AuthenticationRequest

MOST_WAITING: Final = 100  # the next ones show when some of these have been answered


def own_request(
    user: AbstractBaseUser, public_id: UUID, now: datetime
) -> AuthenticationRequest | None:
    """That user's request of that name, once it has been put before them; with `times_asked`."""
    return (
        AuthenticationRequest.objects.put_before(user)
        .times_asked(now)
        .select_related("client__realm")
        .filter(public_id=public_id)
        .first()
    )


def to_be_answered(found: AuthenticationRequest, now: datetime) -> AuthenticationRequest:
    """`found`; or, while it waits, the newest that looks like it: its client waits for that one.

    In: what `own_request` gave, which says whether there is another. What a message told of may
    have been asked again, and of that one no message tells (`prompts.registry`).
    """
    if outcome(found, now) != Outcome.WAITING or times_asked(found) == 1:
        return found
    likes = AuthenticationRequest.objects.like(found, now).filter(pk__gt=found.pk)
    return likes.times_asked(now).select_related("client__realm").first() or found


def asked_before(user: AbstractBaseUser, now: datetime) -> QuerySet[AuthenticationRequest]:
    """What that user was asked and has not in the inbox to answer, the newest first.

    So what the client asks is there while it waits: it must be found by who wants to deny it.
    """
    # Not only what the inbox shows: a request that looks like another one there waits too.
    waiting = AuthenticationRequest.objects.prompted(now).of_enabled_clients()
    waiting = waiting.filter(user_id=user.pk)
    over = AuthenticationRequest.objects.put_before(user).exclude(pk__in=waiting.values("pk"))
    return over.order_by("-created_at", "-pk")
