"""A relying party's public keys: inline, or read from its JWKs_URI."""

from collections.abc import Collection, Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils import timezone

from django_ciba.client_keys import remote
from django_ciba.client_keys.remote import Keys, refetch
from django_ciba.jose import (
    BadSignature,
    EncryptionKey,
    UnknownKey,
    Verified,
    verification_keys,
    verify,
)
from django_ciba.models import Client

__all__ = ["encryption_key", "refetch", "registers", "verify_by"]


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


def encryption_key(client: Client, alg: str) -> EncryptionKey:
    """OpenID Connect Core §10.2: the client's key to encrypt to by `alg`, the first one if several.

    Raises UnknownKey when it publishes none, or its jwks_uri cannot be read.
    """
    if client.jwks_uri:
        now = timezone.now()
        held = remote.known(client.jwks_uri, now)
        keys = held.for_encryption if remote.in_date(held, now) else ()
    else:
        keys = client.inline_encryption_keys
    for key in keys:
        if alg in key.algs:
            return key
    raise UnknownKey(f"the client publishes no key for {alg}")


def registers(client: Client, certificate: x509.Certificate) -> bool:
    """RFC 8705 §2.2: whether it, or one of the same key, is a certificate (`x5c`) of the client's.

    A certificate that a cached remote set lacks has the set read again, within JWKS_MIN_REFETCH.
    Raises UnknownKey when no set could be read from the jwks_uri.
    """
    url = client.jwks_uri
    if not url:
        return _is_one_of(certificate, client.inline_certificates)
    now = timezone.now()
    held = remote.known(url, now)
    if _is_one_of(certificate, held.certificates) and remote.in_date(held, now):
        return True
    newer = remote.newer(url, held, now, wait=True)
    if newer is None and not remote.in_date(held, now):
        raise UnknownKey(remote.NOTHING_USABLE)
    return newer is not None and _is_one_of(certificate, newer.certificates)


def _is_one_of(shown: x509.Certificate, registered: tuple[x509.Certificate, ...]) -> bool:
    return shown in registered or _spki(shown) in map(_spki, registered)


def _spki(certificate: x509.Certificate) -> bytes:
    """RFC 5280 §4.1.2.7: the public key and what kind it is, as octets."""
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
