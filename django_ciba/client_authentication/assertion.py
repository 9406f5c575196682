"""A client that proves itself by a JWT: what private_key_jwt and client_secret_jwt share.

RFC 7521 §4.2, RFC 7523 §2.2 and §3. The registered method alone decides how the JWT is verified,
and never its header.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from django_ciba.client_authentication.method import Method, Presented
from django_ciba.conf import ciba_settings
from django_ciba.jose import JoseError, audiences, in_force, same_audience, unverified_claims
from django_ciba.models import Client, UsedAssertion
from django_ciba.protocol.errors import InvalidClient
from django_ciba.protocol.names import JWT_BEARER_ASSERTION_TYPE

LONGEST_LIFE = 1800  # seconds from now to exp: a stolen assertion must not live long
TYPES = ("JWT", "client-authentication+jwt")


class AssertionMethod(Method):
    """RFC 7523 §2.2: a method whose proof is `client_assertion`."""

    credential = "client_assertion"

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
        try:
            claims = self.verified_claims(_assertion(presented), client)
            expires = _the_times_hold(claims, presented.now.timestamp())
            _the_audience_is_ours(claims, client)
        except JoseError as error:
            raise InvalidClient(f"client_assertion: {error.reason}") from None
        _the_jti_is_new(claims, client, expires)

    @abstractmethod
    def verified_claims(self, assertion: str, client: Client) -> Mapping[str, Any]:
        """RFC 7523 §3 (9): the claims of an assertion that the client made.

        Errors: JoseError, InvalidClient.
        """


def _assertion(presented: Presented) -> str:
    """RFC 7521 §4.2: the assertion, of the one type we take."""
    if presented.parameters.text("client_assertion_type") != JWT_BEARER_ASSERTION_TYPE:
        raise InvalidClient(f"client_assertion_type must be {JWT_BEARER_ASSERTION_TYPE}")
    assertion = presented.parameters.text("client_assertion")
    if assertion is None:
        raise InvalidClient("client_assertion is missing")
    return assertion


def _the_times_hold(claims: Mapping[str, Any], now: float) -> float:
    """RFC 7523 §3 (4)-(6): exp needed and not far; nbf and iat hold when present. Returns exp."""
    expires = in_force(claims, now=now, leeway=ciba_settings.CLOCK_LEEWAY)
    if expires - now > LONGEST_LIFE:
        raise InvalidClient("client_assertion: exp must be at most 30 minutes ahead")
    return expires


def _the_audience_is_ours(claims: Mapping[str, Any], client: Client) -> None:
    """RFC 7523 §3 (3): aud is one string, or a list that holds only names of ours."""
    realm = client.realm
    ours = (realm.issuer,) if client.issuer_only_audience else realm.audiences
    given = audiences(claims)
    if not given or not all(any(same_audience(each, name) for name in ours) for each in given):
        others = "" if client.issuer_only_audience else ", or the token or backchannel endpoint"
        raise InvalidClient(f"client_assertion: aud must be the issuer, {realm.issuer}{others}")


def _the_jti_is_new(claims: Mapping[str, Any], client: Client, expires: float) -> None:
    """RFC 7523 §3 (7): each jti is consumed once, until the assertion has expired."""
    jti = claims.get("jti")
    if not isinstance(jti, str) or not jti:
        raise InvalidClient("client_assertion: jti is missing")
    if not UsedAssertion.objects.consume(client, f"client_assertion:{jti}", expires):
        raise InvalidClient("client_assertion: jti has been used; make a new assertion each time")
