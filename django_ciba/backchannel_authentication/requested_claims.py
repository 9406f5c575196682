"""Claims asked for by name (OpenID Connect Core §5.5)."""

import json
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from django.contrib.auth.models import AbstractBaseUser

from django_ciba.hooks import fits, hooks, supported_claims
from django_ciba.jose import JoseError, parse_json
from django_ciba.models import Client
from django_ciba.protocol.errors import InvalidRequest, UnknownUserId
from django_ciba.protocol.parameters import Parameters
from django_ciba.protocol.problems import unstorable

MAX_LENGTH: Final = 4096
# Where claims may be asked for, and which of ours stand there beside those of the hooks.
PLACES: Final[Mapping[str, tuple[str, ...]]] = {"id_token": ("sub", "acr"), "userinfo": ("sub",)}
ASKED: Final = ("essential", "value", "values")

# OpenID Identity Assurance: what is asked of it has a form of its own.
VERIFIED: Final = "verified_claims"

RequestedClaims: TypeAlias = dict[str, dict[str, Any]]


def requested_claims(parameters: Parameters, client: Client) -> RequestedClaims:
    """OIDC Core §5.5: place to claim to what was asked of it, without what nobody here knows.

    `claims` is a JSON object, or a string that holds one. Raises InvalidRequest.
    """
    asked = _object(parameters.get("claims"))
    known = supported_claims(client.realm)
    requested: RequestedClaims = {}
    for place, ours in PLACES.items():
        found = {
            name: member
            for name, member in _members(asked.get(place), place).items()
            if name in known or name in ours
        }
        if found:
            requested[place] = found
    _the_values_can_be_ours(requested)
    return requested


def acr_values_of(requested: RequestedClaims) -> tuple[str, ...]:
    """OIDC Core §5.5.1.1: the values that the claim `acr` of the ID token asks for, in order."""
    acr = requested.get("id_token", {}).get("acr", {})
    return (acr["value"],) if "value" in acr else tuple(acr.get("values", ()))


def the_essential_acr_is_met(requested: RequestedClaims, acr: str) -> None:
    """OIDC Core §5.5.1.1: an essential acr is met by the journey that will be walked."""
    asked = requested.get("id_token", {}).get("acr", {})
    if asked.get("essential") and not fits(acr, asked):
        raise InvalidRequest(
            "claims: acr is essential with values that this request does not lead to: ask for one "
            "of acr_values_supported, and for the same in acr_values"
        )


def user_of_the_subject(
    requested: RequestedClaims, client: Client, user: AbstractBaseUser | None
) -> AbstractBaseUser | None:
    """OIDC Core §5.5.1: where `sub` is asked for with a value, the user is that subject.

    Raises UnknownUserId; a client that must not learn who exists gets nobody instead.
    """
    asked = [members["sub"] for members in requested.values() if "sub" in members]
    # Where a pairwise subject cannot be made, it is better known before anybody is asked.
    if user is None or not (any(asked) or client.is_pairwise):
        return user
    subject = hooks().subject(user, client)
    if all(fits(subject, each) for each in asked):
        return user
    if client.hide_unknown_users:
        return None
    raise UnknownUserId("claims asks for another sub than that of the user whom the hint names")


def _object(value: Any) -> Mapping[str, Any]:
    """OIDC Core §5.5: the parsed value, of a size and of characters that can be kept."""
    if value is None:
        return {}
    if len(value if isinstance(value, str) else json.dumps(value)) > MAX_LENGTH:
        raise InvalidRequest(f"claims must be at most {MAX_LENGTH} characters of JSON")
    if isinstance(value, str):
        try:
            value = parse_json(value.encode())
        except JoseError as error:
            raise InvalidRequest(f"claims: {error.reason}") from None
    if not isinstance(value, Mapping):
        raise InvalidRequest("claims must be a JSON object with id_token, userinfo or both")
    if any(unstorable(value)):
        raise InvalidRequest("claims holds a NUL character, or a number beyond 9007199254740991")
    return value


def _members(value: Any, place: str) -> dict[str, Any]:
    """OIDC Core §5.5.1: each claim is null, or an object with essential, value, values."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"claims: {place} must be an object")
    return {
        str(name): _verified(member, place) if name == VERIFIED else _asked(member, place)
        for name, member in value.items()
    }


def _asked(member: Any, place: str) -> dict[str, Any]:
    """OIDC Core §5.5.1: what is asked of one claim; members that nobody here knows are left out."""
    if member is None:
        return {}
    if not isinstance(member, Mapping):
        raise InvalidRequest(f"claims: each claim of {place} must be null or an object")
    asked = {name: member[name] for name in ASKED if member.get(name) is not None}
    if not isinstance(asked.get("essential", False), bool):
        raise InvalidRequest(f"claims: essential, in {place}, must be true or false")
    if not isinstance(asked.get("values", []), list):
        raise InvalidRequest(f"claims: values, in {place}, must be a list")
    return asked


def _verified(member: Any, place: str) -> Any:
    """OpenID Identity Assurance: what is asked of verified claims, as it is asked.

    Null, an object, or a list of them, each with `verification` and `claims`. What they ask for is
    the site's to read (`hooks.requested_claims`).
    """
    if member is None:
        return {}
    for each in member if isinstance(member, list) and member else [member]:
        if not isinstance(each, Mapping) or not all(
            isinstance(each.get(name), Mapping) for name in ("verification", "claims")
        ):
            raise InvalidRequest(
                f"claims: {VERIFIED}, in {place}, must be an object with verification and claims, "
                "or a list of such objects"
            )
    return member


def _the_values_can_be_ours(requested: RequestedClaims) -> None:
    """OIDC Core §2: sub and acr are strings."""
    for place, ours in PLACES.items():
        for name in ours:
            asked = requested.get(place, {}).get(name, {})
            given = [*asked.get("values", ()), *([asked["value"]] if "value" in asked else ())]
            if not all(isinstance(each, str) for each in given):
                raise InvalidRequest(f"claims: the values of {name} must be strings")
