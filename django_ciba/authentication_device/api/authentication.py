"""Who calls: the app proves its key with each request, by a DPoP proof without a token."""

from datetime import datetime
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from django_ciba.authentication_device.api.addresses import called_address
from django_ciba.authentication_device.api.errors import UnknownDevice, UserLocked
from django_ciba.conf import ciba_settings
from django_ciba.hooks import hooks
from django_ciba.models import Device
from django_ciba.proof_of_possession.proof import (
    Proof,
    ProvenRequest,
    the_one_proof,
    the_proof_is_new,
    valid_proof,
)
from django_ciba.protocol.errors import InvalidDpopProof

# What the keys of phones sign with: RFC 7518 §3.4 on P-256, RFC 8037 on Ed25519.
DEVICE_ALGS: Final = ("ES256", "EdDSA")


class DeviceKeyAuthentication(BaseAuthentication):
    """The enrolled device whose key has signed this request's proof, and its user.

    Cookies and tokens are not looked at.
    """

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, Device]:
        """Raises InvalidDpopProof, UseDpopNonce, UnknownDevice, UserLocked."""
        view: Any = request.parser_context["view"]
        proof = proof_of_a_key(request._request, view.now)
        device = the_device_of_the_key(proof)
        the_user_may_sign_in(device.user)
        the_proof_is_new(proof)
        if proof.next_nonce:
            view.headers["DPoP-Nonce"] = proof.next_nonce
        Device.objects.used(device.pk, view.now)
        return device.user, device


def proof_of_a_key(http: HttpRequest, now: datetime) -> Proof:
    """RFC 9449 §4.3: a proof made for this request, by whatever key; it may have been used before.

    The nonce (§8) is asked for where the site's DPOP_NONCE_REQUIRED says so.
    """
    value = the_one_proof(http)
    if value is None:
        raise InvalidDpopProof("send a DPoP proof by the device's key with every call")
    return valid_proof(
        value,
        ProvenRequest(
            method=http.method or "",
            addresses=(called_address(http),),
            nonce_required=ciba_settings.DPOP_NONCE_REQUIRED,
            now=now,
            algs=DEVICE_ALGS,
        ),
    )


def the_device_of_the_key(proof: Proof) -> Device:
    """RFC 7638: the device with that thumbprint; one that was removed is none."""
    found = Device.objects.select_related("user").filter(thumbprint=proof.jkt).first()
    if found is None:
        raise unknown_device()
    return found


def unknown_device() -> UnknownDevice:
    """It never was, or has been removed, be it while its call was being answered."""
    return UnknownDevice("no device is enrolled with the key of this proof")


def the_user_may_sign_in(user: AbstractBaseUser) -> None:
    """Design §5: the user's state is looked at with each call, not at enrolment alone."""
    if not hooks().may_sign_in(user):
        raise UserLocked("the user may not sign in at present")
