"""Prompts by e-mail through the site's own mail settings."""

from smtplib import SMTPException, SMTPRecipientsRefused

from django.contrib.auth.models import AbstractBaseUser
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import translation

from django_ciba.outbox import GiveUp, TryAgain
from django_ciba.prompts.channel import Channel, Prompt
from django_ciba.prompts.language import language_of

PERMANENT = 500  # RFC 5321 §4.2.1: codes below are temporary, as of a server that greylists


class EmailChannel(Channel):
    """Says who asks and where to answer, or what to type there; no approval by the mail itself.

    A subject holds no passcode: subjects are shown on locked screens.
    """

    carries_secrets = True

    def reaches(self, user: AbstractBaseUser) -> bool:
        return bool(_address(user))

    def send(self, prompt: Prompt) -> None:
        address = _address(prompt.user)
        if not address:
            raise GiveUp("the user has no e-mail address any more")
        with translation.override(language_of(prompt.ui_locales)):
            context = {"prompt": prompt}
            subject = render_to_string("django_ciba/prompts/email_subject.txt", context)
            body = render_to_string("django_ciba/prompts/email.txt", context)
        try:
            # A subject of several lines would be a way to write headers.
            send_mail(" ".join(subject.split()), body, None, [address])
        except SMTPRecipientsRefused as error:
            if any(code < PERMANENT for code, _ in error.recipients.values()):
                raise TryAgain("the mail server refused the address for now") from None
            raise GiveUp("the mail server refused the address") from None
        except (OSError, SMTPException) as error:
            # The class says enough; the text may hold the address.
            raise TryAgain(f"the mail server did not take it: {type(error).__name__}") from None


def _address(user: AbstractBaseUser) -> str:
    """The user's address; "" also for one with a line break in it, which would write headers."""
    address = str(getattr(user, type(user).get_email_field_name(), "") or "")
    return address if address.isprintable() else ""
