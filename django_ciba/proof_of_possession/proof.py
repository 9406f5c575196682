"""DPoP proofs (RFC 9449 §4): one rule of §4.3, one function."""

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from django.http import HttpRequest

from django_ciba.conf import ciba_settings
from django_ciba.jose import (
    JoseError,
    base64url,
    numeric_date,
    same_audience,
    verify_possession,
)
from django_ciba.models import UsedProof
from django_ciba.proof_of_possession.nonces import is_live, next_nonce
from django_ciba.protocol.errors import InvalidDpopProof, UseDpopNonce

TYP: Final = "dpop+jwt"
MAX_JTI_LENGTH: Final = 256
ESCAPED: Final = re.compile(r"%([0-9A-Fa-f]{2})")
UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]")


@dataclass(frozen=True, slots=True)
class ProvenRequest:
    """What a proof must be made for: the request that it came with.

    `addresses` are the public addresses that may have been called, never made of a Host header.
    `algs` are those that the client may sign with.
    """

    method: str
    addresses: Collection[str]
    nonce_required: bool
    now: datetime
    algs: Collection[str]
    access_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that fits its request. `next_nonce` is for the answer; "" when there is none."""

    jkt: str
    jti: str
    expires_at: datetime
    next_nonce: str


def the_one_proof(http: HttpRequest) -> str | None:
    """RFC 9449 §4.3 (1), (2): the value of the one DPoP header; None when there is none.

    A server joins two headers of one name with a comma, which no JWT holds.
    """
    value: str | None = http.META.get("HTTP_DPOP")
    if value is not None and "," in value:
        raise InvalidDpopProof("send one DPoP header with one proof")
    return None if value is None else value.strip()


def valid_proof(value: str, request: ProvenRequest) -> Proof:
    """RFC 9449 §4.3: what a proof that fits `request` says; it may have been used before.

    Raises UseDpopNonce, else InvalidDpopProof.
    """
    try:
        possessed = verify_possession(value, algs=request.algs, typ=TYP)
        issued_at = numeric_date(possessed.claims, "iat")
    except JoseError as error:
        raise InvalidDpopProof(f"DPoP: {error.reason}") from None
    claims = possessed.claims
    jti = the_jti(claims)
    of_this_method(claims, request)
    of_this_address(claims, request)
    expires_at = of_this_moment(issued_at, request.now)
    for_this_access_token(claims, request)
    with_a_nonce_of_ours(claims, request)
    offered = next_nonce(claims.get("nonce"), request.now) if request.nonce_required else ""
    return Proof(possessed.thumbprint, jti, expires_at, offered)


def the_proof_is_new(proof: Proof) -> None:
    """RFC 9449 §11.1: each jti is taken once for a key, until its proof has run out."""
    if not UsedProof.objects.consume(proof.jkt, proof.jti, proof.expires_at):
        raise InvalidDpopProof("DPoP: jti has been used; make a new proof for each request")


def the_jti(claims: Mapping[str, Any]) -> str:
    """RFC 9449 §4.2: what tells this proof from every other."""
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= MAX_JTI_LENGTH:
        raise InvalidDpopProof(f"DPoP: jti must be a string of 1 to {MAX_JTI_LENGTH} characters")
    return jti


def of_this_method(claims: Mapping[str, Any], request: ProvenRequest) -> None:
    """RFC 9449 §4.3 (8): htm is the method of this request, in its own case (RFC 9110 §9.1)."""
    if claims.get("htm") != request.method:
        raise InvalidDpopProof("DPoP: htm must be the HTTP method of this request")


def of_this_address(claims: Mapping[str, Any], request: ProvenRequest) -> None:
    """RFC 9449 §4.3 (9): htu is the address called, without query and fragment."""
    htu = claims.get("htu")
    if not isinstance(htu, str) or not any(
        same_audience(_normal(htu), _normal(each)) for each in request.addresses
    ):
        raise InvalidDpopProof(
            "DPoP: htu must be the public address of what this request calls, "
            "without query and fragment"
        )


def of_this_moment(issued_at: float | None, now: datetime) -> datetime:
    """RFC 9449 §4.3 (11), §11.1: iat is now, but for DPOP_PROOF_LIFETIME and the clocks' leeway.

    Returns when the proof has run out.
    """
    leeway, moment = ciba_settings.CLOCK_LEEWAY, now.timestamp()
    if issued_at is None:
        raise InvalidDpopProof("DPoP: iat is missing")
    if issued_at - leeway > moment:
        raise InvalidDpopProof("DPoP: iat lies in the future")
    ends = issued_at + ciba_settings.DPOP_PROOF_LIFETIME + leeway
    if ends <= moment:
        raise InvalidDpopProof("DPoP: iat is too old; make a new proof for each request")
    return datetime.fromtimestamp(ends, UTC)


def for_this_access_token(claims: Mapping[str, Any], request: ProvenRequest) -> None:
    """RFC 9449 §4.3 (12): at a resource, ath is the hash of the token that came along."""
    if request.access_token is None:
        return
    digest = hashlib.sha256(request.access_token.encode("ascii")).digest()
    if claims.get("ath") != base64url(digest):
        raise InvalidDpopProof("DPoP: ath must be the SHA-256 hash of the access token")


def with_a_nonce_of_ours(claims: Mapping[str, Any], request: ProvenRequest) -> None:
    """RFC 9449 §4.3 (10), §8: where nonces are asked for, one that we gave out of late.

    Asked last: a proof that is wrong otherwise would be no better with a nonce.
    """
    if request.nonce_required and not is_live(claims.get("nonce"), request.now):
        raise UseDpopNonce("put the nonce of the DPoP-Nonce header into the DPoP proof")


def _normal(address: str) -> str:
    """RFC 3986 §6.2.2.2, §6.2.3: without query and fragment, and with one spelling of the path."""
    bare = address.partition("#")[0].partition("?")[0]
    if "/" not in bare.partition("://")[2]:
        bare += "/"
    return ESCAPED.sub(_one_spelling, bare)


def _one_spelling(escaped: re.Match[str]) -> str:
    character = chr(int(escaped[1], 16))
    return character if UNRESERVED.fullmatch(character) else escaped[0].upper()
