"""What an installed device needs of the site around it."""

from collections.abc import Iterator

from django.conf import settings
from django.urls import NoReverseMatch, reverse

from django_ciba.checks.declared_settings import usable


def sessions_that_end_with_the_browser() -> Iterator[str]:
    if "webpush" in usable("PROMPT_CHANNELS") and settings.SESSION_EXPIRE_AT_BROWSER_CLOSE:
        yield (
            "SESSION_EXPIRE_AT_BROWSER_CLOSE is True: whoever opens a message on their phone has "
            "been signed out meanwhile."
        )


def device_at_the_root() -> Iterator[str]:
    if not getattr(settings, "ROOT_URLCONF", None):
        return  # a settings file of a worker that serves no pages
    try:
        mount = reverse("ciba_device:inbox")
    except NoReverseMatch:
        return  # another check says so
    if mount == "/":
        yield "django_ciba.authentication_device.urls is included at /."
