"""client_secret_jwt: a client that proves itself by a MAC, whose key is its secret."""

import hmac
import json
import logging
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import connection

from django_ciba.jose import ASYMMETRIC_ALGS, base64url, sign
from django_ciba.models import Client, UsedAssertion
from tests.certificates import certified
from tests.conformance.assertions import send, unproved
from tests.conformance.conftest import RelyingParties
from tests.conformance.wire import accepted, refused
from tests.provider import key
from tests.relying_party import RelyingParty, compact

WRONG = "the signature does not verify"


@pytest.fixture
def rp(relying_party: RelyingParties) -> RelyingParty:
    return relying_party(token_endpoint_auth_method="client_secret_jwt")


def by(secret: str | bytes, rp: RelyingParty, **header: Any) -> str:
    octets = secret if isinstance(secret, bytes) else secret.encode()
    return compact({"alg": "HS256", **header}, rp.assertion_claims(), octets)


@pytest.mark.requirement("OIDC Core", "9")
@pytest.mark.requirement("RFC 7523", "2.2")
def test_a_mac_with_the_secret_proves_the_client_at_both_endpoints(rp: RelyingParty) -> None:
    auth_req_id = accepted(rp.authenticate())
    assert rp.poll(auth_req_id).json()["error"] == "authorization_pending"


@pytest.mark.requirement("Protocol", "2")
@pytest.mark.parametrize("kid", ["", "anything", "x" * 256])
def test_a_kid_is_ignored(rp: RelyingParty, kid: str) -> None:
    accepted(send(rp, by(rp.secret, rp, kid=kid)))


@pytest.mark.requirement("OIDC Core", "9")
@pytest.mark.parametrize("secret", ["wrong", "", "x" * 43])
def test_a_wrong_secret_proves_nothing(rp: RelyingParty, secret: str) -> None:
    unproved(send(rp, by(secret, rp)), WRONG)
    unproved(send(rp, by(rp.client.secret_digest, rp)), WRONG)
    assert not UsedAssertion.objects.exists()


@pytest.mark.requirement("RFC 7518", "3.2")
@pytest.mark.parametrize(("alg", "hash_name"), [("HS384", "sha384"), ("HS512", "sha512")])
def test_another_hash_is_refused(rp: RelyingParty, alg: str, hash_name: str) -> None:
    unsigned = compact({"alg": alg}, rp.assertion_claims()).removesuffix(".")
    mac = hmac.digest(rp.secret.encode(), unsigned.encode(), hash_name)
    unproved(send(rp, f"{unsigned}.{base64url(mac)}"), "alg must be HS256")


@pytest.mark.requirement("RFC 8725", "3.1")
@pytest.mark.parametrize("alg", ["none", "None", "", "hs256"])
def test_only_hs256_is_hs256(rp: RelyingParty, alg: str) -> None:
    unproved(send(rp, compact({"alg": alg}, rp.assertion_claims())), "alg must be HS256")
    header = {"alg": alg}
    mac = compact(header, rp.assertion_claims(), rp.secret.encode())
    unproved(send(rp, mac), "alg must be HS256")


@pytest.mark.requirement("OIDC Core", "9")
@pytest.mark.requirement("RFC 8725", "3.1")
@pytest.mark.parametrize("alg", ASYMMETRIC_ALGS)
def test_a_signature_proves_no_client_that_is_registered_for_a_mac(
    relying_party: RelyingParties, alg: str
) -> None:
    rp = relying_party(token_endpoint_auth_method="client_secret_jwt", alg=alg)
    unproved(send(rp, sign(rp.assertion_claims(), rp.key)), "alg must be HS256")


@pytest.mark.requirement("OIDC Core", "9")
def test_a_mac_proves_no_client_that_is_registered_for_a_signature(
    relying_party: RelyingParties,
) -> None:
    rp = relying_party(token_endpoint_auth_method="private_key_jwt")
    unproved(send(rp, by(rp.secret, rp)), "alg must be ES256 or PS256 or RS256 or EdDSA")
    unproved(send(rp, by(rp.secret, rp, kid=rp.key.kid)), "alg must be ES256 or")


@pytest.mark.requirement("RFC 8725", "3.1")
@pytest.mark.parametrize("registered", ["private_key_jwt", "client_secret_jwt"])
@pytest.mark.parametrize("alg", ["ES256", "RS256"])
def test_a_public_key_is_no_secret(
    relying_party: RelyingParties, registered: str, alg: str
) -> None:
    """In whatever form an attacker may write it: every client's public keys are known to all."""
    rp = relying_party(token_endpoint_auth_method=registered, alg=alg)
    public = key(alg, "client").key.public_key()
    forms = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(rp.key.public_jwk).encode(),
        json.dumps({"keys": [rp.key.public_jwk]}).encode(),
    ]
    words = WRONG if registered == "client_secret_jwt" else "alg must be"
    for form in forms:
        unproved(send(rp, by(form, rp)), words)
        unproved(send(rp, by(form, rp, kid=rp.key.kid)), words)


@pytest.mark.requirement("RFC 8725", "3.1")
def test_a_stored_public_key_is_not_used_as_a_secret_either(rp: RelyingParty) -> None:
    for secret in (certified().pem, json.dumps(rp.key.public_jwk)):
        rp.client.set_secret(secret)
        rp.client.save()
        unproved(send(rp, by(secret, rp)), "a public key or a certificate is no secret")


@pytest.mark.requirement("RFC 7518", "3.2")
def test_a_stored_secret_that_is_too_short_for_a_mac_is_refused(rp: RelyingParty) -> None:
    rp.client.set_secret("hunter2")
    rp.client.save()
    unproved(send(rp, by("hunter2", rp)), "a secret for HMAC has at least 32 octets")


@pytest.mark.requirement("OIDC Registration", "2")
@pytest.mark.parametrize("alg", ["HS256", "ES256"])
def test_a_registered_algorithm_is_the_only_one_taken(
    relying_party: RelyingParties, alg: str
) -> None:
    rp = relying_party(
        token_endpoint_auth_method="client_secret_jwt", token_endpoint_auth_signing_alg=alg
    )
    if alg == "HS256":
        accepted(send(rp, by(rp.secret, rp)))
    else:
        unproved(send(rp, by(rp.secret, rp)), "alg must be one that we support")
        unproved(send(rp, sign(rp.assertion_claims(), rp.key)), "alg must be one that we support")


@pytest.mark.requirement("OIDC Core", "9")
@pytest.mark.parametrize("alg", ["HS256", "none"])
def test_a_client_whose_secret_is_kept_as_a_digest_alone_is_refused_and_the_log_says_why(
    relying_party: RelyingParties, alg: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It was registered for Basic, and its method was changed afterwards."""
    rp = relying_party()
    Client.objects.update(token_endpoint_auth_method="client_secret_jwt")
    rp.client.refresh_from_db()
    assert not rp.client.secret_encrypted
    caplog.set_level(logging.INFO, "django_ciba")
    for secret in (rp.secret, ""):
        token = compact({"alg": alg}, rp.assertion_claims(), secret.encode())
        refused(send(rp, token), "invalid_client", "client authentication failed", status=401)
    assert "give the client a new secret" in caplog.text
    rp.secret = rp.client.new_secret()
    rp.client.save()
    accepted(rp.authenticate())


@pytest.mark.requirement("OIDC Core", "9")
def test_a_client_whose_secret_no_key_decrypts_any_more_is_refused_and_the_log_says_why(
    rp: RelyingParty, caplog: pytest.LogCaptureFixture
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_ciba_client SET secret_encrypted = 'lost'")
    caplog.set_level(logging.INFO, "django_ciba")
    answer = send(rp, by(rp.secret, rp))
    refused(answer, "invalid_client", "client authentication failed", status=401)
    assert "give the client a new secret" in caplog.text


@pytest.mark.requirement("Protocol", "2")
def test_the_secret_lies_encrypted_in_the_database(rp: RelyingParty) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM django_ciba_client")
        assert rp.secret not in str(cursor.fetchall())
    assert Client.objects.get().secret_encrypted == rp.secret
