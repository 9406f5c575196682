"""Encrypted ID tokens, UserInfo and request objects (OpenID Connect Core §10.2, the extra jwe)."""

from typing import Any

import pytest

from django_ciba.jose import (
    ENCRYPTION_ENCS,
    EncryptionKey,
    PrivateKey,
    decrypted,
    encrypted,
    encryption_keys,
    unverified_claims,
    verification_keys,
    verify,
)
from django_ciba.models import AuthenticationRequest, Realm, SigningKey, UsedAssertion
from tests.conformance.conftest import RelyingParties
from tests.conformance.wire import accepted, refused
from tests.provider import approve, key
from tests.relying_party import Answer, RelyingParty

SIGNS = key("ES256", "client")

pytestmark = pytest.mark.django_db


def with_key_for(alg: str) -> dict[str, Any]:
    """A client's keys: one that signs its requests, one to encrypt to."""
    return {"keys": [SIGNS.public_jwk, key(alg, "client").public_jwk]}


def opened(token: str, alg: str, realm: Realm) -> dict[str, Any]:
    """The claims inside, signed by the realm."""
    inside = decrypted(token, [key(alg, "client")], algs=[alg], encs=ENCRYPTION_ENCS)
    return verify(inside, realm.verification_keys, algs=["ES256", "RS256"]).claims


def approved(rp: RelyingParty) -> Answer:
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    return rp.poll(auth_req_id)


# --- what we send -------------------------------------------------------------------------------


@pytest.mark.requirement("OIDC Core", "10.2")
@pytest.mark.requirement("OIDC Core", "2")
@pytest.mark.parametrize(("alg", "enc"), [("ECDH-ES", "A256GCM"), ("RSA-OAEP-256", "")])
def test_an_id_token_is_signed_and_then_encrypted_to_the_client(
    relying_party: RelyingParties, realm: Realm, alg: str, enc: str
) -> None:
    rp = relying_party(
        jwks=with_key_for(alg),
        id_token_encrypted_response_alg=alg,
        id_token_encrypted_response_enc=enc,
    )
    id_token = approved(rp).json()["id_token"]
    assert id_token.count(".") == 4
    claims = opened(id_token, alg, realm)
    assert claims["aud"] == "shop"
    assert "at_hash" in claims


@pytest.mark.requirement("OIDC Core", "5.3.2")
@pytest.mark.parametrize("signed_by", ["", "RS256"])
def test_userinfo_is_encrypted_to_the_client(
    relying_party: RelyingParties, realm: Realm, signed_by: str
) -> None:
    rp = relying_party(
        jwks=with_key_for("ECDH-ES"),
        userinfo_signed_response_alg=signed_by,
        userinfo_encrypted_response_alg="ECDH-ES",
    )
    answer = rp.userinfo(approved(rp).json()["access_token"])
    assert answer["Content-Type"] == "application/jwt"
    claims = opened(answer.content.decode(), "ECDH-ES", realm)
    assert (claims["aud"], claims["name"]) == ("shop", "Alice Adams")


@pytest.mark.requirement("OIDC Core", "10.2")
def test_what_cannot_be_encrypted_is_not_sent_in_the_clear(relying_party: RelyingParties) -> None:
    rp = relying_party(id_token_encrypted_response_alg="ECDH-ES")  # it has no such key
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    answer = rp.poll(auth_req_id)
    assert answer.status_code == 500
    assert answer.json()["error"] == "server_error"
    assert "no key to encrypt to" in answer.json()["error_description"]
    # Nothing was redeemed: once the key is there, the same auth_req_id gives the tokens.
    rp.client.jwks = with_key_for("ECDH-ES")
    rp.client.save()
    assert rp.poll(auth_req_id).status_code == 200


# --- what is sent to us -------------------------------------------------------------------------


@pytest.fixture
def takes_encrypted(realm: Realm) -> SigningKey:
    """The realm's published key for encryption."""
    private = key("ECDH-ES", "realm")
    return SigningKey.objects.create(
        realm=realm,
        alg="ECDH-ES",
        kid=private.kid,
        state=SigningKey.State.CURRENT,
        private_pem=private.to_pem(),
        public_jwk=private.public_jwk,
    )


def published(rp: RelyingParty) -> EncryptionKey:
    """The realm's key for encryption, as anybody reads it."""
    (found,) = encryption_keys(rp.http.get(f"{rp.mount}connect/jwk_uri").json())
    return found


@pytest.mark.requirement("OIDC Core", "6.1")
@pytest.mark.requirement("CIBA Core", "7.1.1")
def test_a_signed_request_may_come_encrypted(rp: RelyingParty, takes_encrypted: SigningKey) -> None:
    token = encrypted(rp.signed_request(scope="openid"), published(rp), "ECDH-ES", "A128GCM")
    accepted(rp.send(token))
    assert AuthenticationRequest.objects.get().scope == "openid"


@pytest.mark.requirement("OIDC Core", "6.1")
def test_encryption_is_no_signature(rp: RelyingParty, takes_encrypted: SigningKey) -> None:
    """Anybody can encrypt to us: what is inside is held to every rule of a signed request."""
    to_us = published(rp)
    stranger = encrypted(rp.signed_request(iss="somebody"), to_us, "ECDH-ES", "A128GCM")
    refused(rp.send(stranger), "invalid_request", "iss must be the client_id")
    unsigned = encrypted('{"iss": "shop"}', to_us, "ECDH-ES", "A128GCM")
    refused(rp.send(unsigned), "invalid_request", "three parts")
    twice = encrypted(
        encrypted(rp.signed_request(), to_us, "ECDH-ES", "A128GCM"), to_us, "ECDH-ES", "A128GCM"
    )
    refused(rp.send(twice), "invalid_request", "three parts")
    assert not UsedAssertion.objects.exists()


@pytest.mark.requirement("OIDC Core", "6.1")
def test_a_realm_without_a_key_takes_none(rp: RelyingParty) -> None:
    stranger = key("ECDH-ES", "realm")
    (to_it,) = encryption_keys({"keys": [stranger.public_jwk]})
    token = encrypted(rp.signed_request(), to_it, "ECDH-ES", "A128GCM")
    refused(rp.send(token), "invalid_request", "encrypted requests are not taken here")


@pytest.mark.requirement("RFC 8725", "3.1")
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("....", "the JWE header"),
        ("e30....", "alg of the encryption must be ECDH-ES"),
        # {"alg":"dir","enc":"A128GCM"}, {"alg":"ECDH-ES","enc":"A128GCM","zip":"DEF"}
        ("eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0....", "alg of the encryption must be"),
        ("eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTEyOEdDTSIsInppcCI6IkRFRiJ9....", "zip"),
        ("eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTEyOEdDTSJ9....", "cannot be decrypted"),
    ],
)
def test_what_does_not_open_is_refused(
    rp: RelyingParty, takes_encrypted: SigningKey, changed: str, words: str
) -> None:
    refused(rp.send(changed), "invalid_request", words)


# --- what is announced --------------------------------------------------------------------------


@pytest.mark.requirement("OIDC Discovery", "3")
def test_discovery_says_what_is_encrypted(rp: RelyingParty, takes_encrypted: SigningKey) -> None:
    metadata = rp.http.get(f"{rp.mount}.well-known/openid-configuration").json()
    assert metadata["request_object_encryption_alg_values_supported"] == ["ECDH-ES"]
    assert "RSA-OAEP-256" in metadata["id_token_encryption_alg_values_supported"]
    assert metadata["userinfo_encryption_enc_values_supported"] == list(ENCRYPTION_ENCS)
    assert "ECDH-ES" not in metadata["id_token_signing_alg_values_supported"]


@pytest.mark.requirement("RFC 7517", "4.2")
def test_the_key_is_published_for_encryption_alone(
    rp: RelyingParty, takes_encrypted: SigningKey
) -> None:
    jwks = rp.http.get(f"{rp.mount}connect/jwk_uri").json()
    assert takes_encrypted.kid not in {each.kid for each in verification_keys(jwks)}
    (jwk,) = [each for each in jwks["keys"] if each["kid"] == takes_encrypted.kid]
    assert (jwk["use"], jwk["alg"]) == ("enc", "ECDH-ES")
    assert "d" not in jwk


def test_an_id_token_hint_is_what_was_inside(relying_party: RelyingParties) -> None:
    rp = relying_party(jwks=with_key_for("ECDH-ES"), id_token_encrypted_response_alg="ECDH-ES")
    token = approved(rp).json()["id_token"]
    holder: PrivateKey = key("ECDH-ES", "client")
    inside = decrypted(token, [holder], algs=["ECDH-ES"], encs=ENCRYPTION_ENCS)
    assert unverified_claims(inside)[1]["aud"] == "shop"
    accepted(rp.authenticate(login_hint=None, id_token_hint=inside))
    refused(
        rp.authenticate(login_hint=None, id_token_hint=token),
        "invalid_request",
        "three parts",
        stored=2,
    )
