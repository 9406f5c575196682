"""WebAuthn ceremonies: a passkey is made, and signs for one prompt of one request.

What a passkey signs for an approval is a digest over the request, its prompt, its binding message
and the verdict, so that a signature can be used for nothing else. Only this module knows the
library, which is an extra (`django-ciba[passkeys]`).
"""

import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac

from django_ciba.conf import ciba_settings
from django_ciba.journeys import NotAnswerable
from django_ciba.models import (
    AuditEvent,
    AuthenticationRequest,
    Passkey,
    PasskeyChallenge,
    passkeys_of,
)

INSTALLED: Final = find_spec("webauthn") is not None

if TYPE_CHECKING or INSTALLED:
    import webauthn
    from webauthn.helpers import (
        bytes_to_base64url,
        parse_cbor,
        parse_registration_credential_json,
    )
    from webauthn.helpers.exceptions import WebAuthnException
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        AuthenticatorTransport,
        CredentialDeviceType,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

CHALLENGE_LIFETIME: Final = timedelta(minutes=2)
MOST_JSON: Final = 20_000  # characters; with attestation "none" a credential needs a tenth of it
MOST_ID_BYTES: Final = 1023  # WebAuthn §4 credential ID
MOST_PASSKEYS: Final = 50


class PasskeyRefused(NotAnswerable):
    """`reason`: stale_challenge (used, too old, or for something else), passkey_refused, or
    no_passkey: the user has none to be asked for.
    """


@dataclass(frozen=True, slots=True)
class Signed:
    """What a passkey's signature for a prompt says of the user."""

    amr: tuple[str, ...]


def approval_options(
    user: AbstractBaseUser, found: AuthenticationRequest, now: datetime
) -> dict[str, Any]:
    """WebAuthn §5.5: what the browser asks the passkey to sign; and the name of the challenge.

    Raises PasskeyRefused for a user without one: an empty list would mean any passkey.
    """
    descriptors = _descriptors(user)
    if not descriptors:
        raise PasskeyRefused("no_passkey")
    row = _new_challenge(user, now, found)
    options = webauthn.generate_authentication_options(
        rp_id=ciba_settings.passkey_rp_id,
        challenge=_for_approval(row, found),
        timeout=int(CHALLENGE_LIFETIME.total_seconds() * 1000),
        allow_credentials=descriptors,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return {"challenge": row.pk, "publicKey": json.loads(webauthn.options_to_json(options))}


def signed_approval(
    user: AbstractBaseUser,
    found: AuthenticationRequest,
    challenge: str,
    credential: str,
    now: datetime,
) -> Signed:
    """WebAuthn §7.2: what one of this user's passkeys has signed for this prompt.

    The challenge is used up, whatever comes of it. Raises PasskeyRefused.
    """
    row = _used_up(user, challenge, now, found)
    given = _parsed(credential)
    named = str(given.get("id"))
    passkey = passkeys_of(user).filter(credential_id=named).first() if _is_id(named) else None
    if passkey is None:
        raise PasskeyRefused("passkey_refused")
    try:
        verified = webauthn.verify_authentication_response(
            credential=given,
            expected_challenge=_for_approval(row, found),
            expected_rp_id=ciba_settings.passkey_rp_id,
            expected_origin=list(ciba_settings.passkey_origins),
            credential_public_key=webauthn.base64url_to_bytes(passkey.public_key),
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except _faults() as fault:
        raise PasskeyRefused("passkey_refused") from fault
    if not Passkey.objects.used(passkey.pk, verified.new_sign_count, now):
        raise PasskeyRefused("passkey_refused")
    # RFC 8176 §2: two factors, what the user has and who they are or what they know.
    synced = verified.credential_device_type == CredentialDeviceType.MULTI_DEVICE
    return Signed(("swk" if synced else "hwk", "user", "mfa"))


def registration_options(user: AbstractBaseUser, now: datetime) -> dict[str, Any]:
    """WebAuthn §5.4: what the browser makes a passkey from; and the name of the challenge."""
    row = _new_challenge(user, now)
    options = webauthn.generate_registration_options(
        rp_id=ciba_settings.passkey_rp_id,
        rp_name=ciba_settings.PASSKEY_RP_NAME or ciba_settings.passkey_rp_id,
        user_id=user_handle(user),
        user_name=user.get_username(),
        challenge=_for_registration(row),
        timeout=int(CHALLENGE_LIFETIME.total_seconds() * 1000),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_descriptors(user),
    )
    return {"challenge": row.pk, "publicKey": json.loads(webauthn.options_to_json(options))}


def registered(
    user: AbstractBaseUser, challenge: str, credential: str, name: str, now: datetime
) -> Passkey:
    """WebAuthn §7.1: the passkey that was made, stored. Raises PasskeyRefused."""
    row = _used_up(user, challenge, now)
    given = _parsed(credential)
    try:
        if not _attests_nothing(given):
            raise PasskeyRefused("passkey_refused")
        verified = webauthn.verify_registration_response(
            credential=given,
            expected_challenge=_for_registration(row),
            expected_rp_id=ciba_settings.passkey_rp_id,
            expected_origin=list(ciba_settings.passkey_origins),
            require_user_verification=True,
        )
    except _faults() as fault:
        raise PasskeyRefused("passkey_refused") from fault
    if len(verified.credential_id) > MOST_ID_BYTES:
        raise PasskeyRefused("passkey_refused")
    try:
        with transaction.atomic():
            made = Passkey.objects.create(
                user_id=user.pk,
                name=name,
                credential_id=bytes_to_base64url(verified.credential_id),
                public_key=bytes_to_base64url(verified.credential_public_key),
                sign_count=verified.sign_count,
                transports=_transports(given),
                synced=verified.credential_device_type == CredentialDeviceType.MULTI_DEVICE,
                created_at=now,
            )
            AuditEvent.objects.note(
                AuditEvent.Event.PASSKEY_ADDED, now, user_id=user.pk, synced=made.synced
            )
    except IntegrityError as fault:  # §7.1 step 26: it is somebody's already
        raise PasskeyRefused("passkey_refused") from fault
    return made


def removed(user: AbstractBaseUser, pk: int, now: datetime) -> bool:
    """Forget one of the user's passkeys; whether it was there."""
    found = passkeys_of(user).filter(pk=pk).first()
    return found is not None and Passkey.objects.remove(found, now)


def user_handle(user: AbstractBaseUser) -> bytes:
    """WebAuthn §14.6.1: names the account to its passkeys, and says nothing else."""
    salt = "django_ciba.authentication_device.passkeys"
    return salted_hmac(salt, str(user.pk), algorithm="sha256").digest()


def _new_challenge(
    user: AbstractBaseUser, now: datetime, found: AuthenticationRequest | None = None
) -> PasskeyChallenge:
    """A fresh one; those of this user that nobody came back for are swept out."""
    PasskeyChallenge.objects.filter(user_id=user.pk, expires_at__lte=now).delete()
    return PasskeyChallenge.objects.create(
        user_id=user.pk,
        authentication_request=found,
        prompt=found.prompt_number if found is not None else 0,
        nonce=secrets.token_urlsafe(32),
        expires_at=now + CHALLENGE_LIFETIME,
    )


def _used_up(
    user: AbstractBaseUser,
    challenge: str,
    now: datetime,
    found: AuthenticationRequest | None = None,
) -> PasskeyChallenge:
    """WebAuthn §13.4.3: the challenge that was out for just this, once."""
    if not (challenge.isascii() and challenge.isdigit() and len(challenge) < 19):
        raise PasskeyRefused("stale_challenge")
    row = PasskeyChallenge.objects.filter(
        pk=int(challenge),
        user_id=user.pk,
        authentication_request=found,
        prompt=found.prompt_number if found is not None else 0,
    ).first()
    if row is None or not PasskeyChallenge.objects.consume(row.pk, now):
        raise PasskeyRefused("stale_challenge")
    return row


def _for_approval(row: PasskeyChallenge, found: AuthenticationRequest) -> bytes:
    """What is signed: this yes to this message of this prompt of this request, and nothing else."""
    return _digest(
        "approve",
        row.nonce,
        str(found.public_id),
        row.prompt,
        found.binding_message,
        str(AuthenticationRequest.Answer.APPROVED),
    )


def _for_registration(row: PasskeyChallenge) -> bytes:
    return _digest("register", row.nonce)


def _digest(*parts: str | int) -> bytes:
    """As JSON, so that no two lists of parts read the same."""
    return hashlib.sha256(json.dumps(parts).encode()).digest()


def _parsed(credential: str) -> dict[str, Any]:
    if len(credential) > MOST_JSON:
        raise PasskeyRefused("passkey_refused")
    try:
        found = json.loads(credential)
    except (ValueError, RecursionError) as fault:
        raise PasskeyRefused("passkey_refused") from fault
    if not isinstance(found, dict):
        raise PasskeyRefused("passkey_refused")
    return found


def _attests_nothing(given: dict[str, Any]) -> bool:
    """WebAuthn §5.1.3: what a browser hands over where no attestation is asked for.

    That is `none`, or `packed` by the passkey's own key. No certificate is among it, so those of a
    stranger are not even read.
    """
    said = parse_cbor(parse_registration_credential_json(given).response.attestation_object)
    if said["fmt"] == "packed":
        return "x5c" not in said["attStmt"]
    return bool(said["fmt"] == "none")


def _is_id(named: str) -> bool:
    """What a database may be asked for: NUL bytes are not among it."""
    return (
        len(named) <= MOST_ID_BYTES * 4 // 3
        and re.fullmatch(r"[\w-]+", named, re.ASCII) is not None
    )


def _descriptors(user: AbstractBaseUser) -> list["PublicKeyCredentialDescriptor"]:
    return [
        PublicKeyCredentialDescriptor(
            id=webauthn.base64url_to_bytes(each.credential_id),
            transports=[AuthenticatorTransport(name) for name in each.transports],
        )
        for each in passkeys_of(user)[:MOST_PASSKEYS]
    ]


def _transports(given: dict[str, Any]) -> Sequence[str]:
    """WebAuthn §5.2.1.1: hints for the browser; those that the library knows."""
    response = given.get("response")
    named = response.get("transports") if isinstance(response, dict) else None
    if not isinstance(named, list):
        return []
    known = {each.value for each in AuthenticatorTransport}
    texts = dict.fromkeys(each for each in named if isinstance(each, str))
    return [each for each in texts if each in known]


def _faults() -> tuple[type[Exception], ...]:
    """What the library raises for input that is wrong, or is no WebAuthn at all.

    What it leaves to `cryptography` is refused in that one's words.
    """
    return (
        WebAuthnException,
        InvalidSignature,
        UnsupportedAlgorithm,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        IndexError,
    )
