"""What one access token is for, at most what was granted (RFC 8707 §2.2, RFC 9396 §6)."""

import json
from typing import Any

from django_ciba.authorization_details import PARAMETER, requested_details
from django_ciba.models import AuthenticationRequest, Client, Grant
from django_ciba.protocol.errors import InvalidAuthorizationDetails, InvalidTarget
from django_ciba.protocol.parameters import Parameters
from django_ciba.protocol.resource import requested_resources
from django_ciba.tokens import Narrowed


def narrowed(
    parameters: Parameters, granted: AuthenticationRequest | Grant, client: Client
) -> Narrowed:
    """RFC 8707 §2.2, RFC 9396 §6: what this token request asks for of what the user approved.

    Raises InvalidTarget and InvalidAuthorizationDetails.
    """
    return Narrowed(
        resource=narrowed_resource(parameters, granted.resource, client),
        authorization_details=narrowed_details(parameters, granted.authorization_details, client),
    )


def narrowed_resource(
    parameters: Parameters, granted: list[str], client: Client
) -> list[str] | None:
    """RFC 8707 §2.2: resources of those that were granted, or of the realm's when none was named.

    None when the client asks for no narrower token.
    """
    asked = requested_resources(parameters, client.realm.resources)
    if granted and not set(asked) <= set(granted):
        raise InvalidTarget("resource names one that was not granted")
    return asked or None


def narrowed_details(
    parameters: Parameters, granted: list[dict[str, Any]], client: Client
) -> list[dict[str, Any]] | None:
    """RFC 9396 §6, §6.1, §8: objects that are equal to granted ones; None for all of them.

    What the client may not have any more is not granted any more.
    """
    allowed = client.still_allowed_details(granted)
    asked = requested_details(parameters)
    if not asked:
        return None if len(allowed) == len(granted) else allowed
    known = {_canonical(each) for each in allowed}
    for at, each in enumerate(asked):
        if _canonical(each) not in known:
            raise InvalidAuthorizationDetails(
                f"{PARAMETER}[{at}] is not equal to an object that was granted"
            )
    return asked


def _canonical(details: dict[str, Any]) -> str:
    """One text for equal objects: members have no order, and `true` is not 1."""
    return json.dumps(details, sort_keys=True)
