"""The end of a grant, at the wish of its client (RFC 7009)."""

from datetime import datetime

from django_ciba.jose import ASYMMETRIC_ALGS, JoseError, verify
from django_ciba.models import Client, Grant
from django_ciba.protocol.errors import UnsupportedTokenType


def end_the_grant(value: str, client: Client, now: datetime) -> None:
    """RFC 7009 §2.1: end the grant of that token, and so every token of it; one statement.

    A token that is unknown, over or another client's is left as it is, and nobody is told.
    Raises UnsupportedTokenType.
    """
    if not Grant.objects.of_token(value, client).revoke(now):
        it_is_no_id_token(value, client)


def it_is_no_id_token(value: str, client: Client) -> None:
    """RFC 7009 §2.2.1: an ID token of ours cannot be called back, and its holder should know."""
    if value.count(".") != 2:
        return
    try:
        verify(value, client.realm.verification_keys, algs=ASYMMETRIC_ALGS, typ=("JWT",))
    except JoseError:
        return
    raise UnsupportedTokenType(
        "send an access token or a refresh token: an ID token ends by itself"
    )
