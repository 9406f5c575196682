"""The authorization_details parameter as a list of objects (RFC 9396 §2)."""

import json
from typing import Any, Final

from django_ciba.jose import Malformed, parse_json
from django_ciba.protocol.errors import InvalidAuthorizationDetails
from django_ciba.protocol.parameters import Parameters
from django_ciba.protocol.problems import unstorable

PARAMETER: Final = "authorization_details"
MOST_BYTES: Final = 8192  # of the whole, as JSON: a person must read it
MOST_OBJECTS: Final = 10


def requested_details(parameters: Parameters) -> list[dict[str, Any]]:
    """RFC 9396 §2, §6: the objects asked for, each with a type; [] when the parameter is absent.

    In a form it is the text of a JSON array; a signed request may hold the array itself. Nothing is
    known yet of the types. Raises InvalidAuthorizationDetails.
    """
    value = parameters.get(PARAMETER)
    if value is None:
        return []
    if isinstance(value, str):
        value = _parsed(value)
    if not isinstance(value, list) or not value:
        raise InvalidAuthorizationDetails(f"{PARAMETER} must be a JSON array of objects")
    if len(value) > MOST_OBJECTS:
        raise InvalidAuthorizationDetails(f"{PARAMETER} holds more than {MOST_OBJECTS} objects")
    for at, each in enumerate(value):
        if not isinstance(each, dict):
            raise InvalidAuthorizationDetails(f"{PARAMETER}[{at}] must be an object")
        if not isinstance(each.get("type"), str) or not each["type"]:
            raise InvalidAuthorizationDetails(f"{PARAMETER}[{at}].type must be a non-empty string")
    _it_can_be_kept(value)
    return value


def _parsed(text: str) -> Any:
    octets = text.encode()
    _it_is_not_too_long(octets)
    try:
        return parse_json(octets)
    except Malformed:
        raise InvalidAuthorizationDetails(
            f"{PARAMETER} must be a JSON array of objects, in which no member is named twice and "
            "nothing is nested deeper than 32"
        ) from None


def _it_can_be_kept(value: list[Any]) -> None:
    _it_is_not_too_long(json.dumps(value, ensure_ascii=False).encode())
    for problem in unstorable(value):
        raise InvalidAuthorizationDetails(f"a value in {PARAMETER} {problem.message}")


def _it_is_not_too_long(octets: bytes) -> None:
    if len(octets) > MOST_BYTES:
        raise InvalidAuthorizationDetails(f"{PARAMETER} is longer than {MOST_BYTES} bytes")
