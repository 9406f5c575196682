"""Our own keys: what is stored, what is published, and what is never shown."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec as curves
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from django_ciba.jose import (
    ASYMMETRIC_ALGS,
    AlgorithmRefused,
    BadKey,
    PrivateKey,
    sign,
    thumbprint,
    verify,
)
from django_ciba.jose.private_keys import SecretKey


def pem(key: SecretKey | X25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("alg", ASYMMETRIC_ALGS)
def test_a_key_survives_storage(keys: dict[str, PrivateKey], alg: str) -> None:
    stored = keys[alg].to_pem()
    for each in (stored, stored.encode()):
        again = PrivateKey.from_pem(each, alg)
        assert again.public_jwk == keys[alg].public_jwk
        assert verify(sign({}, again), [keys[alg].verification_key], algs=[alg])
    assert PrivateKey.from_pem(stored, alg, kid="mine").public_jwk["kid"] == "mine"


@pytest.mark.requirement("RFC 7517", "4")
@pytest.mark.parametrize("alg", ASYMMETRIC_ALGS)
def test_only_the_public_half_is_published(keys: dict[str, PrivateKey], alg: str) -> None:
    jwk = keys[alg].public_jwk
    kind = {"kty", "crv", "x", "y"} if alg == "ES256" else {"kty", "n", "e"}
    if alg == "EdDSA":
        kind = {"kty", "crv", "x"}
    assert set(jwk) == kind | {"use", "alg", "kid"}
    assert (jwk["use"], jwk["alg"]) == ("sig", alg)


@pytest.mark.requirement("RFC 7638", "3")
@pytest.mark.parametrize("alg", ASYMMETRIC_ALGS)
def test_a_key_is_named_by_its_thumbprint(keys: dict[str, PrivateKey], alg: str) -> None:
    assert keys[alg].kid == thumbprint(keys[alg].public_jwk)


@pytest.mark.parametrize("alg", ASYMMETRIC_ALGS)
def test_a_key_does_not_show_its_secret(keys: dict[str, PrivateKey], alg: str) -> None:
    assert repr(keys[alg]) == str(keys[alg]) == f"PrivateKey(kid='{keys[alg].kid}', alg='{alg}')"


def test_new_rsa_keys_have_2048_bits(keys: dict[str, PrivateKey]) -> None:
    key = keys["PS256"].key
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048


@pytest.mark.parametrize("alg", ["none", "HS256", "RS512", "", "es256"])
def test_other_algorithms_are_refused(ec: PrivateKey, alg: str) -> None:
    with pytest.raises(AlgorithmRefused):
        PrivateKey.generate(alg)
    with pytest.raises(AlgorithmRefused):
        PrivateKey.from_pem(ec.to_pem(), alg)


def test_a_key_of_another_kind_is_refused(keys: dict[str, PrivateKey]) -> None:
    for alg, other in (("ES256", "RS256"), ("PS256", "EdDSA"), ("EdDSA", "ES256")):
        with pytest.raises(BadKey):
            PrivateKey.from_pem(keys[other].to_pem(), alg)


def test_weak_and_foreign_keys_are_refused() -> None:
    with pytest.raises(BadKey):
        PrivateKey.from_pem(pem(X25519PrivateKey.generate()), "EdDSA")
    with pytest.raises(BadKey):
        PrivateKey.from_pem(pem(curves.generate_private_key(curves.SECP384R1())), "ES256")
    with pytest.raises(BadKey):
        PrivateKey.from_pem(pem(rsa.generate_private_key(65537, 1024)), "RS256")


def test_what_is_no_plain_pem_is_refused_without_being_quoted(ec: PrivateKey) -> None:
    locked = ec.key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    for text in ("", "not a key", locked, b"\xff\0", ec.to_pem()[:100]):
        with pytest.raises(BadKey) as refusal:
            PrivateKey.from_pem(text, "ES256")
        assert refusal.value.reason == "not the PEM of an unencrypted private key"
        assert refusal.value.__suppress_context__
