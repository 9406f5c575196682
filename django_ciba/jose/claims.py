"""RFC 7519 §4.1: the rules for times and audiences, one function each.

The clock is an argument. `leeway` is in seconds and forgives clocks that differ, in the
sender's favour. A claim that is null counts as absent.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from .errors import Expired, Malformed, NotYetValid

LATEST_DATE: Final = 253402300799  # the last second that Python's datetime can name
# ASCII alone: in Unicode, other letters have the lower case of these, or fold to them.
AUTHORITY: Final = re.compile(
    r"([Hh][Tt][Tt][Pp][Ss]?)://([A-Za-z0-9._:\[\]-]+)((?:[/?#].*)?)", re.DOTALL
)
DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


def numeric_date(claims: Mapping[str, Any], name: str) -> float | None:
    """RFC 7519 §2 (NumericDate): the seconds since 1970 of a claim; `None` when absent.

    Errors: `Malformed` for what is no number, and for dates before 1970 and after 9999.
    """
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Malformed(f"claim {name} must be a number of seconds")
    if not 0 <= value <= LATEST_DATE:  # neither is an infinity or NaN
        raise Malformed(f"claim {name} is not a sensible date")
    return value


def not_expired(claims: Mapping[str, Any], *, now: float, leeway: int = 0) -> float:
    """RFC 7519 §4.1.4: `exp` is there and lies after `now`. Out: `exp`.

    Errors: `Expired`; `Malformed` when it is missing: nothing here is good for ever.
    """
    exp = numeric_date(claims, "exp")
    if exp is None:
        raise Malformed("claim exp is needed")
    if exp + leeway <= now:
        raise Expired("claim exp lies in the past")
    return exp


def not_before(claims: Mapping[str, Any], *, now: float, leeway: int = 0) -> float | None:
    """RFC 7519 §4.1.5: `nbf`, when there, has come. Out: `nbf`. Errors: `NotYetValid`."""
    return _has_come(claims, "nbf", now, leeway)


def issued_in_the_past(claims: Mapping[str, Any], *, now: float, leeway: int = 0) -> float | None:
    """RFC 7519 §4.1.6: `iat`, when there, has come. Out: `iat`. Errors: `NotYetValid`."""
    return _has_come(claims, "iat", now, leeway)


def in_force(claims: Mapping[str, Any], *, now: float, leeway: int = 0) -> float:
    """RFC 7519 §4.1.4-4.1.6: a JWT is used at its time: `exp` needed, `nbf` and `iat` when there.

    Out: `exp`. Errors: `Expired`, `NotYetValid`, `Malformed`.
    """
    exp = not_expired(claims, now=now, leeway=leeway)
    not_before(claims, now=now, leeway=leeway)
    issued_in_the_past(claims, now=now, leeway=leeway)
    return exp


def audiences(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """RFC 7519 §4.1.3: whom the JWT is for: a string, or a list of them; empty when absent.

    Errors: `Malformed` for an empty list, and for anything in it that is no string.
    """
    aud = claims.get("aud")
    if aud is None:
        return ()
    listed = aud if isinstance(aud, list) else [aud]
    if not listed or not all(isinstance(each, str) for each in listed):
        raise Malformed("claim aud must be a string or a list of strings")
    return tuple(listed)


def same_audience(given: str, ours: str) -> bool:
    """RFC 3986 §6.2.2.1, §6.2.3: equal, but for the case of scheme and host and a default port.

    AM accepts `https://host:443/x` for `https://host/x`. Path and query are compared exactly.
    """
    return given == ours or _normal(given) == _normal(ours)


def _has_come(claims: Mapping[str, Any], name: str, now: float, leeway: int) -> float | None:
    date = numeric_date(claims, name)
    if date is not None and date - leeway > now:
        raise NotYetValid(f"claim {name} lies in the future")
    return date


def _normal(url: str) -> str:
    """The URL with scheme and host in lower case and no default port; other texts unchanged."""
    found = AUTHORITY.fullmatch(url)
    if found is None:
        return url
    scheme, authority, rest = found[1].lower(), found[2].lower(), found[3]
    return f"{scheme}://{authority.removesuffix(DEFAULT_PORTS[scheme])}{rest}"
