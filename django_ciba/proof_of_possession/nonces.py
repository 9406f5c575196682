"""Nonces of ours for DPoP proofs (RFC 9449 §8, §9). Nothing is stored: each carries its time.

One nonce is good at every endpoint and API of the site, since clients keep one for each origin.
"""

from datetime import datetime

from django.core.signing import BadSignature, Signer

from django_ciba.conf import ciba_settings
from django_ciba.models import secrets


def new_nonce(now: datetime) -> str:
    """RFC 9449 §8: a nonce that only we can make, good for DPOP_NONCE_LIFETIME."""
    return _signer().sign(str(int(now.timestamp())))


def is_live(nonce: object, now: datetime) -> bool:
    """RFC 9449 §8: whether `nonce` is one of ours, and still taken."""
    age = _age(nonce, now)
    return age is not None and age < ciba_settings.DPOP_NONCE_LIFETIME


def next_nonce(nonce: object, now: datetime) -> str:
    """RFC 9449 §8.2: the one to use from now on, when half of this one's time is over; else ""."""
    age = _age(nonce, now)
    young = age is not None and age < ciba_settings.DPOP_NONCE_LIFETIME / 2
    return "" if young else new_nonce(now)


def _age(nonce: object, now: datetime) -> float | None:
    """Seconds since we made it; None when we did not."""
    try:
        return now.timestamp() - int(_signer().unsign(str(nonce)))
    except BadSignature:
        return None


def _signer() -> Signer:
    """HMAC with SHA-256; a rotated key still knows its nonces again."""
    newest, *older = secrets.secret_keys()
    return Signer(key=newest, fallback_keys=[*older], salt="django_ciba DPoP nonces")
