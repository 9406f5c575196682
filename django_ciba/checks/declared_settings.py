"""What is wrong in `DJANGO_CIBA` itself; needs nothing but the settings."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings

from django_ciba.conf import CibaSettings

SHORTEST_SECRET = 32  # characters; the derivation of keys does not make a short one stronger


def site_settings() -> Mapping[str, Any]:
    """What the site wrote, or nothing when that is no dict (which a check says)."""
    written = getattr(settings, "DJANGO_CIBA", {})
    return written if isinstance(written, Mapping) else {}


def usable(name: str) -> Any:
    """A setting's value, or its default where the value is wrong (which a check says)."""
    setting = getattr(CibaSettings, name)
    value = site_settings().get(name, setting.default)
    return setting.default if setting.problem(value) is not None else value


def issuer() -> str | None:
    """ISSUER when it is well formed."""
    value = site_settings().get("ISSUER")
    return value if CibaSettings.ISSUER.problem(value) is None else None


def malformed_issuer() -> Iterator[str]:
    if (problem := CibaSettings.ISSUER.problem(site_settings().get("ISSUER"))) is not None:
        yield f"DJANGO_CIBA['ISSUER'] {problem}."


def unknown_settings() -> Iterator[str]:
    written = getattr(settings, "DJANGO_CIBA", {})
    if not isinstance(written, Mapping):
        yield "DJANGO_CIBA must be a dict."
        return
    known = [each.name for each in CibaSettings.declared()]
    for name in written:
        if name not in known:
            near = difflib.get_close_matches(str(name).upper(), known, n=1)
            ask = f" Did you mean {near[0]!r}?" if near else ""
            yield f"DJANGO_CIBA has no setting {name!r}.{ask}"


def wrong_values() -> Iterator[str]:
    written = site_settings()
    for each in CibaSettings.declared():
        if each.name == "ISSUER" or each.name not in written:
            continue
        if (problem := each.problem(written[each.name])) is not None:
            yield f"DJANGO_CIBA[{each.name!r}] {problem}."


def contradictions() -> Iterator[str]:
    """Values that are right one by one, but cannot be used, or not together."""
    for less, more in (
        ("AUTH_REQ_ID_LIFETIME_MIN", "AUTH_REQ_ID_LIFETIME"),
        ("AUTH_REQ_ID_LIFETIME", "AUTH_REQ_ID_LIFETIME_MAX"),
        ("POLLING_INTERVAL", "POLLING_INTERVAL_MAX"),
        ("JWKS_MAX_AGE", "JWKS_MAX_STALE"),
        ("OUTBOUND_DEADLINE", "DELIVERY_LEASE"),
        ("KEY_PUBLISHED_BEFORE", "KEY_ROTATION"),
        ("ID_TOKEN_LIFETIME", "RETIRED_KEYS_KEPT"),
    ):
        if usable(more) is not None and usable(less) > usable(more):
            yield (
                f"DJANGO_CIBA[{less!r}] ({usable(less)}) must not be more than "
                f"DJANGO_CIBA[{more!r}] ({usable(more)})."
            )
    bundle = usable("OUTBOUND_CA_BUNDLE")
    if bundle is not None and not Path(bundle).is_file():
        yield "DJANGO_CIBA['OUTBOUND_CA_BUNDLE'] is not a file that this process can see."
    if "openid" not in usable("SCOPES"):
        yield "DJANGO_CIBA['SCOPES'] must hold 'openid': every authentication request asks for it."


def no_time_zones() -> Iterator[str]:
    if not settings.USE_TZ:
        yield "USE_TZ is False, and the lifetimes of requests and tokens are compared in UTC."


def issuer_without_https() -> Iterator[str]:
    found = issuer()
    if found is not None and urlsplit(found).scheme != "https":
        yield "DJANGO_CIBA['ISSUER'] does not begin with https://."


def open_loopback() -> Iterator[str]:
    if usable("OUTBOUND_ALLOW_LOOPBACK"):
        yield (
            "DJANGO_CIBA['OUTBOUND_ALLOW_LOOPBACK'] is on: whoever registers a client can make "
            "this server call services on its own machine."
        )


def expired_hints() -> Iterator[str]:
    if usable("ACCEPT_EXPIRED_ID_TOKEN_HINT"):
        yield (
            "DJANGO_CIBA['ACCEPT_EXPIRED_ID_TOKEN_HINT'] is on: an old, stolen ID token can start "
            "requests for its subject."
        )


def pushed_tokens() -> Iterator[str]:
    if usable("PUSH_DELIVERY"):
        yield (
            "DJANGO_CIBA['PUSH_DELIVERY'] is on: tokens are sent to whoever answers at the address "
            "that a client has registered, in every realm."
        )


def shared_secret() -> Iterator[str]:
    if not site_settings().get("ENCRYPTION_KEYS"):
        yield (
            "DJANGO_CIBA['ENCRYPTION_KEYS'] is empty: signing keys are encrypted with SECRET_KEY, "
            "and are lost with it."
        )


def short_secrets() -> Iterator[str]:
    for position, secret in enumerate(usable("ENCRYPTION_KEYS")):
        if len(secret) < SHORTEST_SECRET or len(set(secret)) < 5:
            yield f"DJANGO_CIBA['ENCRYPTION_KEYS'][{position}] is short enough to be guessed."


def open_registration() -> Iterator[str]:
    if usable("REGISTRATION") == "open":
        yield (
            "DJANGO_CIBA['REGISTRATION'] is 'open': whoever finds this server can register a "
            "client, have users asked in a name of its choice, and make the server read an address."
        )


# What no user who is pestered would call a limit.
HIGHEST_LIMITS: Final[Mapping[str, int]] = {
    "OPEN_PROMPTS_PER_USER": 20,
    "OPEN_PROMPTS_PER_CLIENT": 20,
    "DENIALS_BEFORE_COOL_DOWN": 10,
}
MOST_A_MINUTE: Final = 10


def limits_that_protect_nothing() -> Iterator[str]:
    for name, problem in unprotected(usable):
        yield f"DJANGO_CIBA[{name!r}] {problem}"


def unprotected(value: Callable[[str], Any]) -> Iterator[tuple[str, str]]:
    """(name, problem) of each limit of prompts that lets a user be worn down."""
    for name, highest in HIGHEST_LIMITS.items():
        if value(name) > highest:
            yield name, f"is {value(name)}: more than {highest} protects nobody."
    most, window = value("PROMPTS_PER_USER"), value("PROMPT_WINDOW")
    if most * 60 > MOST_A_MINUTE * window:
        often = f"lets one user be asked {most} times in {window} seconds: more than "
        yield "PROMPTS_PER_USER", f"{often}{MOST_A_MINUTE} a minute protects nobody."


def prompts_on_standard_output() -> Iterator[str]:
    if "console" in usable("PROMPT_CHANNELS"):
        yield (
            "DJANGO_CIBA['PROMPT_CHANNELS'] holds 'console': who is asked what is written to "
            "standard output, and so into the server's log."
        )
