"""The access token of a request for a protected resource, and whether its sender may use it.

UserInfo and the site's own APIs read tokens here, so that neither is laxer than the other.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.http import HttpRequest

from django_ciba.client_certificates import presented_certificate
from django_ciba.hooks import hooks
from django_ciba.jose import ASYMMETRIC_ALGS
from django_ciba.models import Client, Token, configuration
from django_ciba.proof_of_possession.proof import (
    ProvenRequest,
    the_one_proof,
    the_proof_is_new,
    valid_proof,
)
from django_ciba.protocol.challenge import challenge, dpop_challenge
from django_ciba.protocol.errors import (
    InvalidClient,
    InvalidDpopProof,
    InvalidRequest,
    InvalidToken,
)

BEARER: Final = "bearer"
DPOP: Final = "dpop"
BLANKS: Final = re.compile(r"[ \t]+")
B64TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
MAX_TOKEN_LENGTH: Final = 16 * 1024
ELSEWHERE: Final = (
    "access_token was sent outside the Authorization header: send the token there, and nowhere else"
)
# One description for every cause: who holds a dead token learns no more of it.
DEAD: Final = "the access token is unknown, expired or revoked"


@dataclass(frozen=True, slots=True)
class Place:
    """What a token is sent to: its public addresses, and the realms whose tokens it takes.

    `resources` are the identifiers (RFC 8707) that it goes by; None: it takes every token.
    """

    addresses: Collection[str]
    realms: Collection[str]
    resources: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class SentToken:
    """A live access token, sent by whom it was given to. `next_nonce` is for the answer, or ""."""

    token: Token
    client: Client
    next_nonce: str


@dataclass(frozen=True, slots=True)
class _Presented:
    scheme: str
    value: str = field(repr=False)


def sent_token(http: HttpRequest, place: Place, now: datetime) -> SentToken | None:
    """RFC 6750 §2.1, RFC 9449 §7, RFC 8705 §3: the token of this request; None if it has none.

    Raises InvalidRequest, InvalidToken, InvalidDpopProof, UseDpopNonce.
    """
    presented = _presented_token(http)
    if presented is None:
        return None
    token, client = the_live_token(presented.value, place.realms, now)
    the_token_is_for(token, place)
    the_holder_of_its_certificate_sends(token, http, now)
    if presented.scheme == BEARER:
        a_bearer_may_use(token)
        return SentToken(token, client, "")
    request = ProvenRequest(
        method=http.method or "",
        addresses=place.addresses,
        nonce_required=client.realm.conf.DPOP_NONCE_REQUIRED,
        now=now,
        algs=client.signature_algs(""),
        access_token=presented.value,
    )
    return SentToken(token, client, the_holder_of_its_key_sends(token, http, request))


def sent_by_dpop(http: HttpRequest) -> bool:
    """RFC 9449 §7.1: whether this request, good or bad, uses the DPoP authentication scheme."""
    return _words(http)[0].lower() == DPOP


def challenges(http: HttpRequest, realm: str, **attributes: str) -> str:
    """RFC 9449 §7.2, RFC 6750 §3: WWW-Authenticate, with what went wrong where the token came.

    Who comes by DPoP is answered for that alone; everybody else reads that it may be used.
    """
    if sent_by_dpop(http):
        return dpop_challenge(realm, ASYMMETRIC_ALGS, **attributes)
    return f"{challenge(realm, **attributes)}, {dpop_challenge(realm, ASYMMETRIC_ALGS)}"


def _presented_token(http: HttpRequest) -> _Presented | None:
    """RFC 6750 §2.1, RFC 9449 §7.1: what the Authorization header holds, and no other place."""
    if "access_token" in http.GET:
        raise InvalidRequest(ELSEWHERE)
    scheme, *words = _words(http)
    if scheme.lower() not in (BEARER, DPOP):
        return None
    if len(words) != 1:
        name = "DPoP" if scheme.lower() == DPOP else "Bearer"
        raise InvalidRequest(f"send Authorization: {name} and then one token")
    (value,) = words
    if not B64TOKEN.fullmatch(value) or len(value) > MAX_TOKEN_LENGTH:
        raise InvalidToken(DEAD, log_detail="not a token by its form")
    return _Presented(scheme.lower(), value)


def _words(http: HttpRequest) -> list[str]:
    """RFC 9110 §5.6.3: what stands between spaces and tabs; other octets are no white space."""
    return BLANKS.split(http.META.get("HTTP_AUTHORIZATION", "").strip(" \t"))


def the_live_token(value: str, realms: Collection[str], now: datetime) -> tuple[Token, Client]:
    """RFC 6750 §3.1: unexpired, unrevoked, of an enabled client and a user who may sign in."""
    token = Token.objects.live_access_token(value, now)
    if token is None:
        raise InvalidToken(DEAD, log_detail="unknown, expired or revoked")
    client = configuration().client_by_pk(token.grant.client_id)
    if client is None:
        raise InvalidToken(DEAD, log_detail=f"client {token.grant.client_id} is disabled")
    if client.realm.path not in realms:
        raise InvalidToken(DEAD, log_detail=f"of realm {client.realm.path}")
    if not token.is_bound_as_needed(client):
        raise InvalidToken(DEAD, log_detail="a bearer token, where profile fapi-ciba is asked for")
    if not hooks().may_sign_in(token.grant.user):
        raise InvalidToken(DEAD, log_detail=f"user {token.grant.user_id} may not sign in")
    return token, client


def the_token_is_for(token: Token, place: Place) -> None:
    """RFC 8707 §2.2: a token that names resources is good at those alone."""
    if place.resources is None or not token.resource:
        return
    if set(token.resource).isdisjoint(place.resources):
        raise InvalidToken("the access token is for other resources than this one")


def the_holder_of_its_certificate_sends(token: Token, http: HttpRequest, now: datetime) -> None:
    """RFC 8705 §3: a token that is bound to a certificate comes with that one, and no other."""
    if not token.x5t_s256:
        return
    try:
        certificate = presented_certificate(http.META, now)
    except InvalidClient as error:
        raise InvalidToken(error.description, log_detail=error.log_detail) from None
    if certificate is None:
        raise InvalidToken(
            "this access token is bound to a certificate: show it in the TLS handshake"
        )
    if certificate.x5t_s256 != token.x5t_s256:
        raise InvalidToken("this access token is bound to another client certificate")


def a_bearer_may_use(token: Token) -> None:
    """RFC 9449 §7.2: a token that is bound to a key is none for bearers."""
    if token.jkt:
        raise InvalidToken(
            "this access token is bound to a DPoP key: send it as Authorization: DPoP, with a proof"
        )


def the_holder_of_its_key_sends(token: Token, http: HttpRequest, request: ProvenRequest) -> str:
    """RFC 9449 §7.1: the token is bound to the key that has signed the proof. Out: the next nonce.

    The proof is used up only when nothing else is wrong.
    """
    if not token.jkt:
        raise InvalidToken(
            "this access token is not bound to a DPoP key: send it as Authorization: Bearer"
        )
    value = the_one_proof(http)
    if value is None:
        raise InvalidDpopProof("the DPoP header with a proof is missing")
    proof = valid_proof(value, request)
    if proof.jkt != token.jkt:
        raise InvalidToken("this access token is bound to another key than that of the DPoP proof")
    the_proof_is_new(proof)
    return proof.next_nonce
