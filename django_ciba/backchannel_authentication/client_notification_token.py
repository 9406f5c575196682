"""What a client wants to be called with when the user has answered (CIBA Core §7.1, §10.2)."""

import re
from typing import Final

from django_ciba.delivery import CallingMode, the_mode_of
from django_ciba.models import Client
from django_ciba.protocol.errors import InvalidRequest
from django_ciba.protocol.parameters import Parameters

NAME: Final = "client_notification_token"
MOST: Final = 1024
# CIBA Core §7.1 asks for 128 bits of entropy. What we can see is the length: in base64url, the
# shortest way to write them with these characters that anybody uses, 128 bits are 22 characters.
LEAST: Final = 22
B64TOKEN: Final = re.compile(r"([A-Za-z0-9._~+/-]+)=*")  # RFC 6750 §2.1


def client_notification_token(parameters: Parameters, client: Client) -> str:
    """CIBA Core §7.1: the bearer token that ping and push are sent with; "" for a poll client.

    Raises InvalidRequest when a client that is called gives none, or one that cannot be sent or is
    too short. A poll client's is not looked at.
    """
    if not isinstance(the_mode_of(client), CallingMode):
        return ""
    token = parameters.needed(NAME)
    if len(token) > MOST:
        raise InvalidRequest(f"{NAME} is longer than {MOST} characters")
    fits = B64TOKEN.fullmatch(token)
    if fits is None:
        raise InvalidRequest(f"{NAME} must hold letters, digits and - . _ ~ + / only, then any =")
    if len(fits[1]) < LEAST:
        raise InvalidRequest(
            f"{NAME} must hold at least 128 random bits: {LEAST} characters of base64url"
        )
    return token
