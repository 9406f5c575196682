"""ID tokens (OpenID Connect Core §2; CIBA Core §7.3 and §10.1)."""

import base64
import hashlib
from datetime import datetime
from typing import Any

from django_ciba.jose import PrivateKey, sign
from django_ciba.models import Client, Grant, Realm, SigningKey
from django_ciba.protocol.errors import ServerError

# OpenID Connect Core §3.1.3.6: the hash of the ID token's own alg; Ed25519 hashes with SHA-512.
_HASHES = {
    "ES256": hashlib.sha256,
    "PS256": hashlib.sha256,
    "RS256": hashlib.sha256,
    "EdDSA": hashlib.sha512,
}


def id_token(grant: Grant, client: Client, access_token: str, now: datetime) -> str:
    """The signed ID token for `grant`, bound to the access token given beside it by at_hash."""
    realm, issued_at = client.realm, int(now.timestamp())
    key = signing_key(realm, client.id_token_signed_response_alg)
    claims: dict[str, Any] = {
        "iss": realm.issuer,
        "sub": grant.subject,
        "aud": client.client_id,
        "exp": issued_at + realm.conf.ID_TOKEN_LIFETIME,
        "iat": issued_at,
        "auth_time": int(grant.authenticated_at.timestamp()),
        "at_hash": token_hash(access_token, key.alg),
    }
    if grant.acr:
        claims["acr"] = grant.acr
    if grant.amr:
        claims["amr"] = grant.amr
    return sign(claims, key)


def token_hash(token: str, alg: str) -> str:
    """OpenID Connect Core §3.1.3.6: base64url of the left half of the token's hash."""
    digest = _HASHES[alg](token.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def signing_key(realm: Realm, alg: str) -> PrivateKey:
    """The realm's current key of that algorithm. Raises ServerError when it has none."""
    for key in realm.keys:
        if key.alg == alg and key.state == SigningKey.State.CURRENT:
            return key.private_key
    raise ServerError("the provider has no signing key", log_detail=f"{realm} has no {alg} key")
