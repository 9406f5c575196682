"""Which channels the site has, and how a due prompt goes out by one of them."""

import json
import math
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser
from django.utils.module_loading import import_string

from django_ciba.conf import ciba_settings
from django_ciba.hooks import hooks
from django_ciba.models import AuthenticationRequest, Delivery, configuration
from django_ciba.models.authentication_request import ASKED
from django_ciba.models.secrets import UndecryptableError
from django_ciba.outbox import TryAgain, Withdrawn
from django_ciba.prompts.channel import Channel, Prompt

# By dotted path, so that a site loads what it uses.
CHANNELS: Final[Mapping[str, str]] = {
    "console": "django_ciba.prompts.console.ConsoleChannel",
    "email": "django_ciba.prompts.email.EmailChannel",
    "webpush": "django_ciba.prompts.web_push.WebPushChannel",
    "fcm": "django_ciba.prompts.fcm.FcmChannel",
    "apns": "django_ciba.prompts.apns.ApnsChannel",
    "sms": "django_ciba.prompts.sms.SmsChannel",
}
# In place of a secret that is not kept, so that a dead letter is not sent again without it.
WIPED: Final = json.dumps({"wiped": True})
SECRETS: Final = frozenset({"passcode", "link"})
NOBODY_WAITS: Final = "the request no longer waits for an answer"


@lru_cache(maxsize=32)
def channel(name: str) -> Channel:
    """The channel of that short name or dotted path. Raises ImportError, or TypeError."""
    found = import_string(CHANNELS.get(name, name))
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
    return f"{ciba_settings.device_address}/requests/{authentication_request.public_id}/"


def send(delivery: Delivery, now: datetime) -> None:
    """Send one prompt, unless no answer to it would be taken any more (then Withdrawn).

    What a channel notes in `taken_by` is kept for the next attempt.
    """
    carried = _carried(delivery)
    before = set(carried.get("taken_by", ()))
    problem, user = _unwanted(delivery, carried, now), delivery.authentication_request.user
    if problem is not None or user is None:
        if before:
            return  # it has been delivered, and the devices that lack it need it no more
        raise Withdrawn(problem or NOBODY_WAITS)
    prompt = _prompt(delivery, user, carried, before, now)
    try:
        channel(delivery.channel).send(prompt)
    except Exception as error:
        if prompt.taken_by != before:
            kept = json.dumps({**carried, "taken_by": sorted(prompt.taken_by)})
            if Delivery.objects.keep_payload(delivery, kept):
                delivery.payload = kept
        if prompt.taken_by and isinstance(error, TryAgain):
            error.partly = True
        raise


def ended(delivery: Delivery, state: str, now: datetime) -> None:
    """However a prompt has ended: what it carried is not kept.

    Of a dead letter, which an operator may send again, it is kept that there was something.
    """
    if not delivery.keeps_payload:
        return
    dead = state == Delivery.State.DEAD and _carried_secrets(delivery)
    Delivery.objects.filter(pk=delivery.pk).update(payload=WIPED if dead else "")


def _carried(delivery: Delivery) -> Mapping[str, Any]:
    """What its node gave it, and what is known of earlier attempts."""
    found: Mapping[str, Any] = json.loads(delivery.payload) if delivery.payload else {}
    return found


def _carried_secrets(delivery: Delivery) -> bool:
    """Whether there is something in it without which it makes no sense; lost counts as there."""
    try:
        return bool({*SECRETS, "wiped"} & set(_carried(delivery)))
    except UndecryptableError:
        return True


def _unwanted(delivery: Delivery, carried: Mapping[str, Any], now: datetime) -> str | None:
    """Why this prompt is not to be sent, or None."""
    waiting = delivery.authentication_request
    if not _waits(waiting, now) or waiting.user is None or not hooks().may_sign_in(waiting.user):
        return NOBODY_WAITS
    if delivery.round < waiting.memory.get(ASKED, 0):
        return "the user has been prompted again since"
    if not SECRETS & set(carried) and _told_already(delivery, waiting, now):
        return "the user has been told of one that looks the same"
    if "wiped" in carried:
        return "its passcode or link was wiped when it ended: have the client ask again"
    return None


def _prompt(
    delivery: Delivery,
    user: AbstractBaseUser,
    carried: Mapping[str, Any],
    taken_by: set[str],
    now: datetime,
) -> Prompt:
    waiting = delivery.authentication_request
    address, until = device_address(waiting), waiting.answerable_until
    return Prompt(
        user=user,
        client_name=str(waiting.client),
        binding_message=waiting.binding_message,
        url=f"{address}link/{carried['link']}/" if "link" in carried else address,
        expires_at=until,
        ui_locales=waiting.ui_locales,
        public_id=str(waiting.public_id),
        passcode=carried.get("passcode", ""),
        typed_at_client="passcode" in carried and waiting.is_asked_at_client,
        secret_link="link" in carried,
        seconds=math.ceil((until - now).total_seconds()),
        taken_by=set(taken_by),
    )


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


def _waits(waiting: AuthenticationRequest, now: datetime) -> bool:
    return (
        waiting.status == AuthenticationRequest.Status.PENDING
        and not waiting.answer
        and waiting.answerable_until > now
        and configuration().client_by_pk(waiting.client_id) is not None
    )
