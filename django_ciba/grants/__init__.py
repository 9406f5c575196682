"""The token endpoint's grants: a table behind one door (RFC 6749 §4)."""

from collections.abc import Mapping
from typing import Final

from django_ciba.grants.ciba import CibaGrant, tokens_of_held_poll
from django_ciba.grants.grant_type import GrantType
from django_ciba.grants.held_poll import (
    HeldPoll,
    PollHolder,
    hold_for,
    holder_of,
    offer,
    the_client_is_still_enabled,
)
from django_ciba.grants.refresh_token import RefreshTokenGrant
from django_ciba.models import Client
from django_ciba.protocol.errors import UnauthorizedClient, UnsupportedGrantType
from django_ciba.protocol.parameters import Parameters

ALL: Final[tuple[GrantType, ...]] = (CibaGrant(), RefreshTokenGrant())
GRANTS: Final[Mapping[str, GrantType]] = {grant.grant_type: grant for grant in ALL}

__all__ = [
    "GRANTS",
    "GrantType",
    "HeldPoll",
    "PollHolder",
    "grant_for",
    "hold_for",
    "holder_of",
    "offer",
    "the_client_is_still_enabled",
    "tokens_of_held_poll",
]


def grant_for(parameters: Parameters, client: Client) -> GrantType:
    """RFC 6749 §5.2: the grant asked for, if it exists and this client is registered for it."""
    name = parameters.needed("grant_type")
    grant = GRANTS.get(name)
    if grant is None:
        raise UnsupportedGrantType(f"grant_type is one of {', '.join(GRANTS)}")
    if name not in client.grant_types:
        raise UnauthorizedClient("this client is not registered for this grant_type")
    return grant
