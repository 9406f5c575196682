"""client_secret_basic: RFC 6749 §2.3.1, HTTP Basic."""

import binascii
from base64 import b64decode
from urllib.parse import unquote_plus

from django_ciba.client_authentication.method import Method, Presented
from django_ciba.models import Client
from django_ciba.protocol.errors import InvalidClient

MALFORMED = "the Authorization header is malformed: Basic with base64 of client_id:client_secret"


class ClientSecretBasic(Method):
    name = "client_secret_basic"
    credential = "Authorization"

    def is_used(self, presented: Presented) -> bool:
        return presented.authorization.partition(" ")[0].lower() == "basic"

    def client_id(self, presented: Presented) -> str:
        return _credentials(presented.authorization)[0]

    def prove(self, presented: Presented, client: Client) -> None:
        if not client.has_secret(_credentials(presented.authorization)[1]):
            raise InvalidClient("client authentication failed", log_detail="wrong secret")


def _credentials(header: str) -> tuple[str, str]:
    """RFC 6749 §2.3.1: id and secret, each form-urlencoded before they were joined.

    Many clients send them raw. Ids and secrets hold only characters that both readings agree on.
    """
    try:
        text = b64decode(header.partition(" ")[2].strip(), validate=True).decode()
        client_id, colon, secret = text.partition(":")
        values = unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError):
        raise InvalidClient(MALFORMED) from None
    if not colon or not values[0] or "\0" in text or "\0" in "".join(values):
        raise InvalidClient(MALFORMED)
    return values
