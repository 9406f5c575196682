"""private_key_jwt: RFC 7523 §2.2 and §3, OpenID Connect Core §9."""

from django_ciba.client_authentication.method import Method, Presented
from django_ciba.client_keys import verify_by
from django_ciba.conf import ciba_settings
from django_ciba.jose import (
    ASYMMETRIC_ALGS,
    JoseError,
    Verified,
    audiences,
    in_force,
    same_audience,
    unverified_claims,
)
from django_ciba.models import Client, UsedAssertion
from django_ciba.protocol.errors import InvalidClient
from django_ciba.protocol.names import JWT_BEARER_ASSERTION_TYPE

LONGEST_LIFE = 1800  # seconds from now to exp: a stolen assertion must not live long
TYPES = ("JWT", "client-authentication+jwt")


class PrivateKeyJwt(Method):
    name = "private_key_jwt"

    def is_used(self, presented: Presented) -> bool:
        return (
            "client_assertion" in presented.parameters
            or "client_assertion_type" in presented.parameters
        )

    def client_id(self, presented: Presented) -> str:
        try:
            _, claims = unverified_claims(_assertion(presented))
        except JoseError as error:
            raise InvalidClient(f"client_assertion: {error.reason}") from None
        issuer = claims.get("iss")
        if not isinstance(issuer, str) or not issuer or issuer != claims.get("sub"):
            raise InvalidClient("client_assertion: iss and sub must both be the client_id")
        if "\0" in issuer:  # no database could look for it
            raise InvalidClient("client_assertion: iss holds NUL")
        return issuer

    def prove(self, presented: Presented, client: Client) -> None:
        registered = client.token_endpoint_auth_signing_alg
        algs = (registered,) if registered else ASYMMETRIC_ALGS
        try:
            verified = verify_by(client, _assertion(presented), algs=algs, typ=TYPES)
            expires = _the_times_hold(verified, presented.now.timestamp())
            _the_audience_is_ours(verified, client)
        except JoseError as error:
            raise InvalidClient(f"client_assertion: {error.reason}") from None
        _the_jti_is_new(verified, client, expires)


def _assertion(presented: Presented) -> str:
    """RFC 7521 §4.2: the assertion, of the one type we take."""
    if presented.parameters.text("client_assertion_type") != JWT_BEARER_ASSERTION_TYPE:
        raise InvalidClient(f"client_assertion_type must be {JWT_BEARER_ASSERTION_TYPE}")
    assertion = presented.parameters.text("client_assertion")
    if assertion is None:
        raise InvalidClient("client_assertion is missing")
    return assertion


def _the_times_hold(verified: Verified, now: float) -> float:
    """RFC 7523 §3 (4)-(6): exp needed and not far; nbf and iat hold when present. Returns exp."""
    expires = in_force(verified.claims, now=now, leeway=ciba_settings.CLOCK_LEEWAY)
    if expires - now > LONGEST_LIFE:
        raise InvalidClient("client_assertion: exp must be at most 30 minutes ahead")
    return expires


def _the_audience_is_ours(verified: Verified, client: Client) -> None:
    """RFC 7523 §3 (3): aud is one string, or a list that holds only names of ours."""
    realm = client.realm
    ours = (realm.issuer,) if client.issuer_only_audience else realm.audiences
    given = audiences(verified.claims)
    if not given or not all(any(same_audience(each, name) for name in ours) for each in given):
        raise InvalidClient(
            f"client_assertion: aud must be the issuer, {realm.issuer}"
            + ("" if client.issuer_only_audience else ", or the address of the endpoint called")
        )


def _the_jti_is_new(verified: Verified, client: Client, expires: float) -> None:
    """RFC 7523 §3 (7): each jti is consumed once, until the assertion has expired."""
    jti = verified.claims.get("jti")
    if not isinstance(jti, str) or not jti:
        raise InvalidClient("client_assertion: jti is missing")
    if not UsedAssertion.objects.consume(client, f"client_assertion:{jti}", expires):
        raise InvalidClient("client_assertion: jti has been used; make a new assertion each time")
