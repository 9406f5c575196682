"""The device's JSON API: whether it is there, and what its apps may say of themselves."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from django_ciba.checks.declared_settings import usable
from django_ciba.checks.host_site import device_api_mounts, serves_pages
from django_ciba.protocol.authentication_methods import REGISTERED, USER_VERIFICATION

SETTINGS = ("DEVICE_API_URL", "DEVICE_API_AMR")


def settings_without_api() -> Iterator[str]:
    if not serves_pages() or device_api_mounts():
        return
    for name in SETTINGS:
        if usable(name):
            yield f"DJANGO_CIBA[{name!r}] is set, but no URLconf includes the device's API."


def no_user_verification() -> Iterator[str]:
    if serves_pages() and device_api_mounts() and not USER_VERIFICATION & set(_amr()):
        yield (
            "The device's API is included, and DJANGO_CIBA['DEVICE_API_AMR'] names no way to "
            "verify a user: an app approves for LOGIN_MAX_AGE after the login that let it in, and "
            "then no more."
        )


def plain_http() -> Iterator[str]:
    address = usable("DEVICE_API_URL")
    if address and urlsplit(address).scheme != "https":
        yield "DJANGO_CIBA['DEVICE_API_URL'] does not begin with https://."


def unregistered_methods() -> Iterator[str]:
    unknown = sorted(set(_amr()) - REGISTERED)
    if unknown:
        yield (
            "DJANGO_CIBA['DEVICE_API_AMR'] holds what is not in IANA's registry: "
            f"{', '.join(unknown)}."
        )


def _amr() -> tuple[str, ...]:
    return tuple(usable("DEVICE_API_AMR"))
