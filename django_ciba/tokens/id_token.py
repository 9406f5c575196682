"""ID tokens (OpenID Connect Core §2; CIBA Core §7.3 and §10.1)."""

import hashlib
from datetime import datetime
from typing import Any

from django_ciba.jose import PrivateKey, base64url, sign
from django_ciba.models import Client, Grant, Realm, SigningKey
from django_ciba.protocol.errors import ServerError
from django_ciba.tokens.encryption import encrypted_for
from django_ciba.tokens.requested_claims import requested_claims

# OpenID Connect Core §3.1.3.6: the hash of the ID token's own alg; Ed25519 hashes with SHA-512.
_HASHES = {
    "ES256": hashlib.sha256,
    "PS256": hashlib.sha256,
    "RS256": hashlib.sha256,
    "EdDSA": hashlib.sha512,
}


def push_claims(auth_req_id: str, refresh_token: str | None, alg: str) -> dict[str, str]:
    """CIBA Core §10.3.1: what binds a pushed ID token to its request and its refresh token."""
    claims = {"urn:openid:params:jwt:claim:auth_req_id": auth_req_id}
    if refresh_token is not None:
        claims["urn:openid:params:jwt:claim:rt_hash"] = token_hash(refresh_token, alg)
    return claims


def id_token(
    grant: Grant,
    client: Client,
    access_token: str,
    now: datetime,
    *,
    pushed_as: str | None = None,
    refresh_token: str | None = None,
) -> str:
    """The ID token for `grant`, bound to the access token beside it by at_hash; perhaps encrypted.

    `pushed_as` is the auth_req_id where the tokens are pushed; the refresh token beside them counts
    then too (`push_claims`).
    """
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
    if pushed_as is not None:
        claims |= push_claims(pushed_as, refresh_token, key.alg)
    signed = sign({**requested_claims(grant, client, "id_token"), **claims}, key)
    return encrypted_for(
        client,
        signed,
        client.id_token_encrypted_response_alg,
        client.id_token_encrypted_response_enc,
    )


def token_hash(token: str, alg: str) -> str:
    """OpenID Connect Core §3.1.3.6: base64url of the left half of the token's hash."""
    digest = _HASHES[alg](token.encode("ascii")).digest()
    return base64url(digest[: len(digest) // 2])


def signing_key(realm: Realm, alg: str) -> PrivateKey:
    """The realm's current key of that algorithm. Raises ServerError when it has none."""
    for key in realm.keys:
        if key.alg == alg and key.state == SigningKey.State.CURRENT:
            return key.private_key
    raise ServerError("the provider has no signing key", log_detail=f"{realm} has no {alg} key")
