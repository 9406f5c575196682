"""The signed authentication request (CIBA Core §7.1.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django_ciba.client_keys import verify_by
from django_ciba.conf import ciba_settings
from django_ciba.jose import (
    ENCRYPTION_ENCS,
    JoseError,
    Verified,
    audiences,
    decrypted,
    in_force,
    is_encrypted,
    same_audience,
)
from django_ciba.models import Client, UsedAssertion
from django_ciba.protocol.errors import InvalidRequest
from django_ciba.protocol.names import AUTHENTICATION_REQUEST_PARAMETERS
from django_ciba.protocol.parameters import Parameters

# To the letter what PingAM answers; relying parties search for these texts.
UNSIGNED = "Request must have a 'request' parameter the value of which must be a signed jwt"
UNREASONABLE = "JWT expiration time is unreasonable"

LONGEST_LIFE = 1800  # seconds from now to exp
LONGEST_FAPI_LIFE = 3600  # seconds from nbf to exp
TYPES = ("JWT", "oauth-authz-req+jwt")


@dataclass(frozen=True, slots=True)
class Requested:
    """The parameters of the request, and what must be remembered of a signed one."""

    parameters: Parameters
    jti: str | None = None
    exp: float = 0.0


def request_parameters(form: Parameters, client: Client, now: datetime) -> Requested:
    """CIBA Core §7.1, §7.1.1: the parameters, from inside the signed request when there is one."""
    if "request_uri" in form:
        raise InvalidRequest("request_uri is not supported: send the signed jwt as request")
    token = form.text("request")
    if token is None:
        if client.require_signed_request_object or client.is_fapi:
            raise InvalidRequest(UNSIGNED)
        return Requested(form)
    try:
        verified = verified_request(signed_request(token, client), client, now)
    except JoseError as error:
        raise InvalidRequest(f"request: {error.reason}") from None
    inside = Parameters(
        {
            name: value
            for name, value in verified.claims.items()
            if name in AUTHENTICATION_REQUEST_PARAMETERS
        }
    )
    nothing_stands_outside(form, inside)
    return Requested(inside, _jti(verified), verified.claims["exp"])


def signed_request(token: str, client: Client) -> str:
    """OpenID Connect Core §6.1, RFC 9101 §6.1: the signed JWT, also out of an encrypted one.

    Raises JoseError, and InvalidRequest where the realm has no key to encrypt to.
    """
    if not is_encrypted(token):
        return token
    keys = client.realm.decryption_keys
    if not keys:
        raise InvalidRequest("request: encrypted requests are not taken here, send the signed jwt")
    return decrypted(token, keys, algs={key.alg for key in keys}, encs=ENCRYPTION_ENCS)


def verified_request(token: str, client: Client, now: datetime) -> Verified:
    """CIBA Core §7.1.1: signature, iss, aud and times of a request object; raises JoseError too."""
    registered = client.backchannel_authentication_request_signing_alg
    verified = verify_by(client, token, algs=client.signature_algs(registered), typ=TYPES)
    claims, moment = verified.claims, now.timestamp()
    if claims.get("iss") != client.client_id:
        raise InvalidRequest("request: iss must be the client_id")
    if claims.get("client_id") not in (None, client.client_id):
        raise InvalidRequest("request: client_id differs from the client that authenticated")
    the_audience_is_ours(claims, client)
    exp = claims.get("exp")
    if isinstance(exp, int | float) and exp > moment + LONGEST_LIFE:  # in milliseconds, mostly
        raise InvalidRequest(UNREASONABLE)
    in_force(claims, now=moment, leeway=ciba_settings.CLOCK_LEEWAY)
    if client.is_fapi:
        it_is_fresh(claims)
    return verified


def the_audience_is_ours(claims: Mapping[str, Any], client: Client) -> None:
    """CIBA Core §7.1.1: aud holds the issuer, or one of PingAM's other names for it.

    FAPI 1.0 Advanced §5.2.2 (15): the issuer itself.
    """
    realm = client.realm
    ours = (realm.issuer,) if client.is_fapi else realm.audiences
    if not any(same_audience(each, name) for each in audiences(claims) for name in ours):
        raise InvalidRequest(f"request: aud must hold the issuer, {realm.issuer}")


def it_is_fresh(claims: Mapping[str, Any]) -> None:
    """FAPI-CIBA §5.2.2 (9), CIBA Core §7.1.1: iat, nbf and jti needed; exp soon after nbf.

    The other rules of these claims hold already: as exp lies ahead, nbf is not long ago either.
    """
    for name in ("iat", "nbf", "jti"):
        if claims.get(name) is None:
            raise InvalidRequest(f"request: {name} is missing")
    if claims["exp"] - claims["nbf"] > LONGEST_FAPI_LIFE:
        raise InvalidRequest("request: exp must be at most 60 minutes after nbf")


def nothing_stands_outside(form: Parameters, inside: Parameters) -> None:
    """CIBA Core §7.1.1: no authentication request parameter beside the signed request.

    One that repeats what is signed changes nothing, and some clients send it.
    """
    for name in sorted(AUTHENTICATION_REQUEST_PARAMETERS & set(form)):
        if form[name] != inside.get(name):
            raise InvalidRequest(f"{name} must stand inside the signed request, not beside it")


def the_request_object_is_new(requested: Requested, client: Client) -> None:
    """RFC 7519 §4.1.7: a signed request with a jti is taken once."""
    if requested.jti is None:
        return
    if not UsedAssertion.objects.consume(client, f"request:{requested.jti}", requested.exp):
        raise InvalidRequest("request: jti has been used; sign a new request each time")


def _jti(verified: Verified) -> str | None:
    jti = verified.claims.get("jti")
    if jti is None:
        return None
    if not isinstance(jti, str) or not jti:
        raise InvalidRequest("request: jti must be a non-empty string")
    return jti
