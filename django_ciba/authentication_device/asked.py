"""What a user is asked, and was: the pages and the API look it up alike."""

from datetime import datetime
from typing import Final

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet

from django_ciba.models import AuthenticationRequest

MOST_WAITING: Final = 100  # the next ones show when some of these have been answered


def asked_before(user: AbstractBaseUser, now: datetime) -> QuerySet[AuthenticationRequest]:
    """What that user was asked and need not answer any more, the newest first."""
    # Not only what the inbox shows: a request that looks like another one there waits too.
    waiting = AuthenticationRequest.objects.prompted(now).filter(user_id=user.pk)
    over = AuthenticationRequest.objects.put_before(user).exclude(pk__in=waiting.values("pk"))
    return over.order_by("-created_at", "-pk")
