"""Which channels the site has, and how a due prompt goes out by one of them."""

import json
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit

from django.contrib.auth.models import AbstractBaseUser
from django.utils.module_loading import import_string

from django_ciba.conf import ciba_settings
from django_ciba.hooks import hooks
from django_ciba.models import AuthenticationRequest, Delivery, configuration
from django_ciba.outbox import Withdrawn
from django_ciba.prompts.channel import Channel, Prompt
from django_ciba.prompts.console import ConsoleChannel
from django_ciba.prompts.email import EmailChannel

CHANNELS: dict[str, type[Channel]] = {"console": ConsoleChannel, "email": EmailChannel}


@lru_cache(maxsize=32)
def channel(name: str) -> Channel:
    """The channel of that short name or dotted path. Raises ImportError, or TypeError."""
    found = CHANNELS[name] if name in CHANNELS else import_string(name)
    if not (isinstance(found, type) and issubclass(found, Channel)):
        raise TypeError(f"{name} is not a subclass of django_ciba.prompts.Channel")
    return found()


def reachable_channels(user: AbstractBaseUser, *, secret: bool = False) -> list[str]:
    """The names out of PROMPT_CHANNELS that reach `user`; with `secret`, that carry one."""
    return [
        name
        for name in ciba_settings.PROMPT_CHANNELS
        if (not secret or channel(name).carries_secrets) and channel(name).reaches(user)
    ]


def device_address(authentication_request: AuthenticationRequest) -> str:
    """Where the user answers that request: its page on the authentication device."""
    base = ciba_settings.DEVICE_URL
    if not base:
        parts = urlsplit(ciba_settings.ISSUER or "")
        base = f"{parts.scheme}://{parts.netloc}/ciba/"
    return f"{base.rstrip('/')}/requests/{authentication_request.public_id}/"


def send(delivery: Delivery, now: datetime) -> None:
    """Send one prompt, unless no answer to it would be taken any more (then Withdrawn)."""
    waiting = delivery.authentication_request
    user = waiting.user
    if user is None or not _waits(waiting, now) or not hooks().may_sign_in(user):
        raise Withdrawn("the request no longer waits for an answer")
    if waiting.prompted_at and delivery.created_at < waiting.prompted_at:
        raise Withdrawn("the user has been prompted again since")
    if not delivery.payload and _told_already(delivery, waiting, now):
        raise Withdrawn("the user has been told of one that looks the same")
    carried = json.loads(delivery.payload) if delivery.payload else {}
    address = device_address(waiting)
    channel(delivery.channel).send(
        Prompt(
            user=user,
            client_name=str(waiting.client),
            binding_message=waiting.binding_message,
            url=f"{address}link/{carried['link']}/" if "link" in carried else address,
            expires_at=_until(waiting),
            ui_locales=waiting.ui_locales,
            public_id=str(waiting.public_id),
            passcode=carried.get("passcode", ""),
        )
    )


def ended(delivery: Delivery, state: str, now: datetime) -> None:
    """However a prompt has ended: what it carried is not kept."""
    if delivery.payload:
        Delivery.objects.filter(pk=delivery.pk).update(payload="")


def _told_already(delivery: Delivery, waiting: AuthenticationRequest, now: datetime) -> bool:
    """Whether a request that looks the same waits, and its prompt went out that way.

    An older one, or a newer one that was sent first: two processes' clocks do not agree.
    """
    others = AuthenticationRequest.objects.like(waiting, now)
    return Delivery.objects.filter(
        authentication_request__in=others.order_by().values("pk"),
        kind=Delivery.Kind.PROMPT,
        channel=delivery.channel,
        state=Delivery.State.DELIVERED,
    ).exists()


def _until(waiting: AuthenticationRequest) -> datetime:
    """When an answer would come too late: a prompt may run out before its request."""
    return min(waiting.prompt_until or waiting.expires_at, waiting.expires_at)


def _waits(waiting: AuthenticationRequest, now: datetime) -> bool:
    return (
        waiting.status == AuthenticationRequest.Status.PENDING
        and not waiting.answer
        and _until(waiting) > now
        and configuration().client_by_pk(waiting.client_id) is not None
    )
