"""What the channels in PROMPT_CHANNELS still need before a prompt goes out by them."""

from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings

from django_ciba.checks.declared_settings import site_settings, usable
from django_ciba.checks.host_site import class_problem
from django_ciba.conf import CibaSettings
from django_ciba.prompts import apns, fcm, http2, web_push
from django_ciba.prompts.sms import SmsBackend

SMTP: Final = "django.core.mail.backends.smtp.EmailBackend"


def _has(name: str) -> bool:
    return name in usable("PROMPT_CHANNELS")


def _wrong(name: str) -> bool:
    """Whether its value is none of its type, which another check says."""
    setting = getattr(CibaSettings, name)
    return setting.problem(site_settings().get(name, setting.default)) is not None


def missing_packages() -> Iterator[str]:
    for name, installed, packages in (
        ("webpush", web_push.CAN_ENCODE, "http-ece and py-vapid"),
        ("fcm", fcm.CAN_SIGN_IN, "google-auth"),
        ("apns", http2.CAN_SPEAK, "h2"),
    ):
        if _has(name) and not installed:
            yield (
                f"DJANGO_CIBA['PROMPT_CHANNELS'] holds {name!r}, and {packages} cannot be found: "
                f"pip install 'django-ciba[{name}]'."
            )


def web_push_not_set_up() -> Iterator[str]:
    if not _has("webpush"):
        return
    if not _wrong("VAPID_PRIVATE_KEY") and (problem := web_push.key_problem()) is not None:
        yield f"DJANGO_CIBA['VAPID_PRIVATE_KEY'] {problem}, and 'webpush' needs it."
    if not _wrong("VAPID_CONTACT") and (problem := web_push.contact_problem()) is not None:
        yield f"DJANGO_CIBA['VAPID_CONTACT'] {problem}, and 'webpush' needs it."


def app_push_not_set_up() -> Iterator[str]:
    if _has("fcm"):
        if not usable("FCM_SERVICE_ACCOUNT"):
            yield "DJANGO_CIBA['FCM_SERVICE_ACCOUNT'] is not set, and 'fcm' needs it."
        elif fcm.CAN_SIGN_IN and (problem := fcm.account_problem()) is not None:
            yield f"DJANGO_CIBA['FCM_SERVICE_ACCOUNT'] {problem}."
    if _has("apns"):
        missing = [name for name in apns.SETTINGS if not usable(name)]
        for name in missing:
            yield f"DJANGO_CIBA[{name!r}] is not set, and 'apns' needs it."
        if "APNS_KEY_FILE" not in missing and (problem := apns.key_problem()) is not None:
            yield f"DJANGO_CIBA['APNS_KEY_FILE'] {problem}."


def text_messages_not_set_up() -> Iterator[str]:
    path = usable("SMS_BACKEND")
    if path is None:
        if _has("sms"):
            yield "DJANGO_CIBA['SMS_BACKEND'] is not set, and 'sms' needs it."
    elif (problem := class_problem(path, SmsBackend)) is not None:
        yield f"DJANGO_CIBA['SMS_BACKEND'] {path!r} {problem}."


def mail_without_time_limit() -> Iterator[str]:
    if _has("email") and _smtp_timeout() is None:
        yield (
            "E-mail goes out by SMTP without a time limit: a mail server that accepts the "
            "connection and then says nothing holds a worker, or manage.py ciba_run_due --loop, "
            "for ever."
        )


def _smtp_timeout() -> Any:
    """Seconds; or None for SMTP without a limit, which is Django's default."""
    mailers = getattr(settings, "MAILERS", None)  # since Django 6.1
    if mailers:
        mailer = mailers.get("default", {})
        backend = mailer.get("BACKEND", SMTP)
        timeout = (mailer.get("OPTIONS") or {}).get("timeout")
    else:
        backend, timeout = settings.EMAIL_BACKEND, settings.EMAIL_TIMEOUT
    return timeout if backend == SMTP else 0
