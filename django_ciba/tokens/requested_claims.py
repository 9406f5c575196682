"""What is said of the user because the client asked for it by name (OpenID Connect Core §5.5)."""

from typing import Any, Final, Literal

from django_ciba.hooks import fits, hooks
from django_ciba.models import Client, Grant
from django_ciba.protocol.errors import AccessDenied

# What only we say, or what would make one JWT pass for another: no hook has a word in these.
OURS: Final = frozenset(
    {
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "auth_time", "acr", "amr", "azp"),
        *("nonce", "at_hash", "c_hash", "s_hash", "cnf", "sid", "events", "token_introspection"),
    }
)


def requested_claims(
    grant: Grant, client: Client, place: Literal["id_token", "userinfo"]
) -> dict[str, Any]:
    """OpenID Connect Core §5.5: of the claims asked for there, those that are known, no nulls."""
    asked = {
        name: members
        for name, members in grant.requested_claims.get(place, {}).items()
        if name not in OURS
    }
    if not asked:
        return {}
    said = hooks().requested_claims(grant.user, asked, client)
    return {name: said[name] for name in asked if said.get(name) is not None}


def the_subject_is_the_one_requested(grant: Grant) -> None:
    """OpenID Connect Core §5.5.1: no token for another `sub` than the one asked for.

    The request was taken for that subject; this holds it to that, whatever changed since.
    """
    for members in grant.requested_claims.values():
        if not fits(grant.subject, members.get("sub", {})):
            raise AccessDenied("The end user is not the sub that the claims parameter asks for")
