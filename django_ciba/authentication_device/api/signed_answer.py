"""The user's answer as a JWS by the device's key: everything in it is compared, one rule at a time.

It says who asked for what, so that it can be shown later that this key has said yes to that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from django_ciba.authentication_device.api.addresses import api_address
from django_ciba.authentication_device.api.authentication import DEVICE_ALGS
from django_ciba.authentication_device.api.errors import InvalidAnswer, NotTaken
from django_ciba.conf import ciba_settings
from django_ciba.jose import (
    JoseError,
    audiences,
    in_force,
    numeric_date,
    same_audience,
    verification_key,
    verify,
)
from django_ciba.journeys import VERDICTS, Evidence
from django_ciba.models import AuthenticationRequest, Device, UsedProof
from django_ciba.protocol.authentication_methods import KEY_KINDS, POP, USER_VERIFICATION

TYP: Final = "ciba-answer+jwt"
MAX_LIFETIME: Final = 60  # seconds from iat to exp
MAX_JTI_LENGTH: Final = 256
MAX_EVIDENCE_LENGTH: Final = 64  # of a number or a passcode


@dataclass(frozen=True, slots=True)
class SignedAnswer:
    """An answer that fits its request, and what it shows. It may have been sent before."""

    jws: str = field(repr=False)
    verdict: str
    jti: str
    expires_at: datetime
    amr: tuple[str, ...]
    authenticated_at: datetime
    evidence: Evidence


def the_signed_answer(
    jws: str, found: AuthenticationRequest, device: Device, now: datetime
) -> SignedAnswer:
    """What the device says about `found`. Raises InvalidAnswer; NotTaken for an older prompt."""
    claims = signed_by_the_device(jws, device)
    issued_by_the_device(claims, device)
    made_out_to_this_site(claims)
    expires_at = of_this_moment(claims, now)
    jti = the_jti(claims)
    about_this_request(claims, found)
    asked_by_its_client(claims, found)
    with_its_binding_message(claims, found)
    verdict = the_verdict(claims)
    to_the_present_prompt(claims, found)
    amr = believed_methods(claims)
    verified = bool(USER_VERIFICATION & set(amr))
    return SignedAnswer(
        jws=jws,
        verdict=verdict,
        jti=jti,
        expires_at=expires_at,
        amr=amr,
        authenticated_at=authenticated_at(device, now, verified=verified),
        evidence=Evidence(
            number=evidence_text(claims, "number"),
            passcode=evidence_text(claims, "passcode"),
            passkey=verified,
            second_factor=verified,
        ),
    )


def signed_by_the_device(jws: str, device: Device) -> Mapping[str, Any]:
    """RFC 7515 §5.2, RFC 8725 §3.1, §3.11: by the enrolled key, whatever the header names.

    The header must say what this is, so that no other JWT of the app's is taken for an answer.
    """
    key = verification_key(device.public_jwk)
    try:
        verified = verify(jws, (key,), algs=DEVICE_ALGS, typ=(TYP,))
    except JoseError as fault:
        raise InvalidAnswer(f"answer: {fault.reason}") from None
    if "typ" not in verified.header:
        raise InvalidAnswer(f"answer: typ must be {TYP}")
    return verified.claims


def issued_by_the_device(claims: Mapping[str, Any], device: Device) -> None:
    """RFC 7519 §4.1.1: iss is the id that the device has here."""
    if claims.get("iss") != str(device.public_id):
        raise InvalidAnswer("answer: iss must be the id of this device")


def made_out_to_this_site(claims: Mapping[str, Any]) -> None:
    """RFC 7519 §4.1.3: aud is this API, and nobody else beside it."""
    try:
        named = audiences(claims)
    except JoseError as fault:
        raise InvalidAnswer(f"answer: {fault.reason}") from None
    if len(named) != 1 or not same_audience(named[0], api_address()):
        raise InvalidAnswer("answer: aud must be the audience of this device, and that alone")


def of_this_moment(claims: Mapping[str, Any], now: datetime) -> datetime:
    """RFC 7519 §4.1.4, §4.1.6: signed just now, for at most a minute. Out: when it has run out."""
    leeway = ciba_settings.CLOCK_LEEWAY
    try:
        exp = in_force(claims, now=now.timestamp(), leeway=leeway)
        iat = numeric_date(claims, "iat")
    except JoseError as fault:
        raise InvalidAnswer(f"answer: {fault.reason}") from None
    if iat is None:
        raise InvalidAnswer("answer: claim iat is needed")
    if not 0 <= exp - iat <= MAX_LIFETIME:
        raise InvalidAnswer(f"answer: exp must be at most {MAX_LIFETIME} seconds after iat")
    return datetime.fromtimestamp(exp + leeway, UTC)


def the_jti(claims: Mapping[str, Any]) -> str:
    """RFC 7519 §4.1.7: a name of its own."""
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= MAX_JTI_LENGTH:
        raise InvalidAnswer(f"answer: jti must be a string of 1 to {MAX_JTI_LENGTH} characters")
    return jti


def about_this_request(claims: Mapping[str, Any], found: AuthenticationRequest) -> None:
    """The answer names the request that its address names."""
    if claims.get("request") != str(found.public_id):
        raise InvalidAnswer("answer: request must be the id of the request that it is sent to")


def asked_by_its_client(claims: Mapping[str, Any], found: AuthenticationRequest) -> None:
    """Design §8: the user has seen who asks."""
    if claims.get("client") != found.client.client_id:
        raise InvalidAnswer("answer: client must be the id of the client that asks")


def with_its_binding_message(claims: Mapping[str, Any], found: AuthenticationRequest) -> None:
    """CIBA Core §7.1: the user has seen this message, and signs it; "" where there is none."""
    if claims.get("binding_message") != found.binding_message:
        raise InvalidAnswer("answer: binding_message must be that of the request")


def the_verdict(claims: Mapping[str, Any]) -> str:
    """A yes or a no."""
    verdict = claims.get("verdict")
    if not isinstance(verdict, str) or verdict not in VERDICTS:
        raise InvalidAnswer(f"answer: verdict must be {' or '.join(VERDICTS)}")
    return verdict


def to_the_present_prompt(claims: Mapping[str, Any], found: AuthenticationRequest) -> None:
    """A yes to what was asked before is none to what is asked now."""
    prompt = claims.get("prompt")
    if isinstance(prompt, bool) or not isinstance(prompt, int) or prompt < 0:
        raise InvalidAnswer("answer: prompt must be the number of the prompt")
    if prompt != found.prompt_number:
        raise NotTaken("prompted_again")


def believed_methods(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """RFC 8176: what the app says it did, as far as DEVICE_API_AMR believes it; and the key.

    The signature itself shows that: `pop`, unless the app may say, and says, where the key is.
    """
    claimed = claims.get("amr", [])
    if not isinstance(claimed, list) or not all(isinstance(each, str) for each in claimed):
        raise InvalidAnswer("answer: amr must be a list of strings")
    believed = [each for each in dict.fromkeys(claimed) if each in ciba_settings.DEVICE_API_AMR]
    return tuple(believed) if KEY_KINDS & set(believed) else (POP, *believed)


def evidence_text(claims: Mapping[str, Any], name: str) -> str:
    """What the user has picked or typed; "" when it is not there."""
    value = claims.get(name, "")
    if not isinstance(value, str) or len(value) > MAX_EVIDENCE_LENGTH:
        raise InvalidAnswer(f"answer: {name} must be a string")
    return value


def authenticated_at(device: Device, now: datetime, *, verified: bool) -> datetime:
    """OpenID Connect Core §2 `auth_time`: when the person, not their phone, was authenticated.

    Now, if the app has verified the user; else when they had signed in who let the app in.
    """
    return now if verified else device.authenticated_at or device.created_at


def the_answer_is_new(signed: SignedAnswer, device: Device) -> bool:
    """RFC 7519 §4.1.7: each jti is taken once for a device; whether this was the first time.

    Kept apart from the jti of DPoP proofs, which the same key signs.
    """
    return UsedProof.objects.consume(f"{TYP} {device.thumbprint}", signed.jti, signed.expires_at)
