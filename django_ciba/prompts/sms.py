"""Prompts by text message, through a class of the site's own: who sends them is its choice."""

from abc import ABC, abstractmethod
from functools import lru_cache

from django.contrib.auth.models import AbstractBaseUser
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.module_loading import import_string

from django_ciba.conf import ciba_settings
from django_ciba.hooks import hooks
from django_ciba.outbox import GiveUp, TryAgain
from django_ciba.prompts.channel import Channel, Prompt
from django_ciba.prompts.language import language_of


class SmsBackend(ABC):
    """Who sends the site's text messages. A site names its subclass in SMS_BACKEND."""

    @abstractmethod
    def send(self, number: str, text: str) -> None:
        """Send one message to a number, written as the site keeps it.

        Returns when the gateway has taken it. Raises outbox.TryAgain when it may take it later,
        `after` so many seconds where it says so, and outbox.GiveUp when it will never take it;
        anything else is logged and tried again. The texts of the two are kept: no numbers, no
        secrets. Give every call a time limit well below DELIVERY_LEASE.
        """


class SmsChannel(Channel):
    """Who asks, and the link or the passcode to answer with, in the fewest words."""

    carries_secrets = True

    def reaches(self, user: AbstractBaseUser) -> bool:
        return bool(ciba_settings.SMS_BACKEND and _number(user))

    def send(self, prompt: Prompt) -> None:
        path = ciba_settings.SMS_BACKEND
        if not path:
            raise TryAgain("needs SMS_BACKEND, which is not set")
        number = _number(prompt.user)
        if not number:
            raise GiveUp("the user has no telephone number any more")
        with translation.override(language_of(prompt.ui_locales)):
            text = render_to_string("django_ciba/prompts/sms.txt", {"prompt": prompt})
        sms_backend(path).send(number, " ".join(text.split()))


@lru_cache(maxsize=4)
def sms_backend(path: str) -> SmsBackend:
    """The site's backend: one instance a process. Raises ImportError, or TypeError."""
    found = import_string(path)
    if not (isinstance(found, type) and issubclass(found, SmsBackend)):
        raise TypeError(f"{path} is not a subclass of django_ciba.prompts.sms.SmsBackend")
    return found()


def _number(user: AbstractBaseUser) -> str:
    """The user's number; "" also for one with a line break in it, which could write a header."""
    number = hooks().phone_number(user)
    return number if number.isprintable() else ""
