"""A relying party's public keys: inline, or read from its JWKs_URI."""

from collections.abc import Collection, Mapping
from typing import Any

from django.utils import timezone

from django_ciba.client_keys import remote
from django_ciba.client_keys.remote import Keys, refetch
from django_ciba.jose import BadSignature, UnknownKey, Verified, verification_keys, verify
from django_ciba.models import Client

__all__ = ["refetch", "verify_by"]


def verify_by(
    source: Client | Mapping[str, Any],
    token: str,
    *,
    algs: Collection[str],
    typ: Collection[str] | None = None,
) -> Verified:
    """`token` verified by the keys registered for `source`; raises JoseError.

    `source` is a client, or an object with `jwks` or `jwks_uri` (a trusted hint issuer). A key id
    that a cached remote set lacks, or a signature that it does not bear out, has the set read
    again (RFC 7517 §4.5, rotation), within JWKS_MIN_REFETCH.
    """
    url = source.jwks_uri if isinstance(source, Client) else source.get("jwks_uri", "")
    if not url:
        return verify(token, _inline(source), algs=algs, typ=typ)
    now = timezone.now()
    held = remote.known(url, now)
    try:
        return verify(token, remote.usable(held, now), algs=algs, typ=typ)
    except (UnknownKey, BadSignature):
        newer = remote.newer(url, held, now, wait=True)
        if newer is None:
            raise
        return verify(token, remote.usable(newer, now), algs=algs, typ=typ)


def _inline(source: Client | Mapping[str, Any]) -> Keys:
    return source.inline_keys if isinstance(source, Client) else verification_keys(source["jwks"])
