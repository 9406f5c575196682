"""What guards the users' answers: the class that knows their logins, and passkeys."""

from collections.abc import Iterator
from importlib.util import find_spec
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.apps import apps
from django.utils.module_loading import import_string

from django_ciba.checks.declared_settings import issuer, site_settings, usable
from django_ciba.conf import CibaSettings, ciba_settings
from django_ciba.models import Journey

# What authentication_device.step_up.StepUp declares: that room and this one do not know each other.
STEP_UP_METHODS = (
    "authenticated_at",
    "amr",
    "second_factor",
    "has_second_factor",
    "sign_in_again_url",
    "second_factor_url",
)
SECOND_FACTOR_APPS = ("allauth.mfa", "django_otp")
PASSKEY_SETTINGS = ("PASSKEY_RP_ID", "PASSKEY_RP_NAME", "PASSKEY_ORIGINS")


def unusable_step_up() -> Iterator[str]:
    path = usable("STEP_UP")
    try:
        found = import_string(path)
    except ImportError as fault:
        yield f"DJANGO_CIBA['STEP_UP'] {path!r} cannot be imported: {fault}."
        return
    except Exception as fault:  # noqa: BLE001 - a module of the site's own can raise anything
        yield f"DJANGO_CIBA['STEP_UP'] {path!r} raised {type(fault).__name__}: {fault}."
        return
    missing = [name for name in STEP_UP_METHODS if not callable(getattr(found, name, None))]
    abstract = getattr(found, "__abstractmethods__", ())
    if not isinstance(found, type) or missing or abstract:
        yield f"DJANGO_CIBA['STEP_UP'] {path!r} is not a subclass of StepUp with all its methods."


def second_factors_not_asked_for() -> Iterator[str]:
    if usable("STEP_UP") != CibaSettings.STEP_UP.default:
        return
    for app in filter(apps.is_installed, SECOND_FACTOR_APPS):
        yield (
            f"{app} is installed, and DJANGO_CIBA['STEP_UP'] is PasswordStepUp, which knows no "
            "second factor: a password alone adds a passkey or an app."
        )


def passkeys_of_another_domain() -> Iterator[str]:
    """WebAuthn §5.1.3: the RP ID is the origin's domain, or one that the domain ends with."""
    if not _passkeys_wanted() or _faulty():
        return
    rp_id = ciba_settings.passkey_rp_id
    for origin in ciba_settings.passkey_origins:
        parts = urlsplit(origin)
        host = parts.hostname or ""
        written = f"{parts.scheme}://{parts.netloc}" == origin.lower()
        if not written or parts.scheme not in ("https", "http"):
            yield f"DJANGO_CIBA['PASSKEY_ORIGINS']: {origin!r} is no origin."
        elif parts.scheme == "http" and host != "localhost":
            yield f"Browsers use passkeys on https only, and not on {origin!r}."
        elif not (host == rp_id or host.endswith(f".{rp_id}")):
            yield f"The passkeys' domain {rp_id!r} is neither that of {origin!r} nor above it."
        elif _is_address(host):
            yield f"Browsers use no passkeys on {origin!r}: a domain has a name."


def passkeys_without_library() -> Iterator[str]:
    if _passkeys_wanted() and find_spec("webauthn") is None:
        names = ", ".join(name for name in PASSKEY_SETTINGS if name in site_settings())
        yield f"DJANGO_CIBA sets {names}, but the library webauthn is not installed."


def journeys_with_passkeys_without_library() -> Iterator[str]:
    if find_spec("webauthn") is not None:
        return
    for journey in Journey.objects.select_related("realm"):
        nodes = journey.document.get("nodes", {}).values()
        if any(map(_asks_for_a_passkey, nodes)):
            yield f"Journey {journey.name!r} of realm {journey.realm} asks for a passkey."


def _asks_for_a_passkey(placed: dict[str, object]) -> bool:
    config = placed.get("config")
    biometric = isinstance(config, dict) and config.get("push_type") == "biometric"
    return biometric or placed.get("type") == "PasskeyVerifier"


def _passkeys_wanted() -> bool:
    return any(name in site_settings() for name in PASSKEY_SETTINGS)


def _faulty() -> bool:
    """Whether another check has something to say about what this one reads."""
    names = (*PASSKEY_SETTINGS, "DEVICE_URL")
    declared = {each.name: each for each in CibaSettings.declared()}
    given = site_settings()
    wrong = (name in given and declared[name].problem(given[name]) is not None for name in names)
    return issuer() is None or any(wrong)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
