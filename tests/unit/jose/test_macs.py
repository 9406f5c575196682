"""HMAC: spoken in one function, with a secret and never with a key."""

from typing import Any

import pytest

from django_ciba.jose import (
    ASYMMETRIC_ALGS,
    MAC_ALGS,
    AlgorithmRefused,
    BadKey,
    BadSignature,
    Malformed,
    PrivateKey,
    sign,
    verification_keys,
    verify,
    verify_mac,
)
from django_ciba.jose.algorithms import ALGORITHMS
from tests.certificates import certified
from tests.relying_party import compact

SECRET = "s" * 43
CLAIMS = {"iss": "shop", "exp": 1}


def mac(secret: str = SECRET, alg: str = "HS256", **header: Any) -> str:
    return compact({"alg": alg, **header}, CLAIMS, secret.encode())


def test_the_claims_of_a_mac_with_the_secret() -> None:
    assert verify_mac(mac(), SECRET) == CLAIMS
    assert verify_mac(mac(kid="whatever", typ="JWT"), SECRET, typ=["jwt"]) == CLAIMS


@pytest.mark.parametrize("secret", ["t" * 43, SECRET + "s", SECRET[:-1], SECRET.upper()])
def test_another_secret_is_refused(secret: str) -> None:
    with pytest.raises(BadSignature):
        verify_mac(mac(), secret)
    with pytest.raises(BadSignature):
        verify_mac(mac(secret), SECRET)


def test_every_changed_character_is_noticed() -> None:
    token = mac()
    for at, character in enumerate(token):
        changed = token[:at] + ("A" if character != "A" else "B") + token[at + 1 :]
        with pytest.raises((BadSignature, Malformed, AlgorithmRefused)):
            verify_mac(changed, SECRET)


@pytest.mark.parametrize("alg", [*ASYMMETRIC_ALGS, "none", "HS1", "HS384", "HS512", "hs256", ""])
def test_only_hs256_is_spoken(alg: str) -> None:
    for algs in (MAC_ALGS, [alg], [*ASYMMETRIC_ALGS, "none", "HS384"]):
        with pytest.raises(AlgorithmRefused):
            verify_mac(mac(alg=alg), SECRET, algs=algs)


def test_an_algorithm_that_is_not_registered_is_refused() -> None:
    with pytest.raises(AlgorithmRefused, match="one that we support"):
        verify_mac(mac(), SECRET, algs=["ES256"])


@pytest.mark.parametrize("secret", ["", "s", "s" * 31])
def test_a_short_secret_is_refused(secret: str) -> None:
    with pytest.raises(BadKey, match="at least 32 octets"):
        verify_mac(mac(secret or "x"), secret or "x")
    with pytest.raises(BadKey):
        verify_mac(mac(secret), secret)


def test_a_certificate_is_no_secret() -> None:
    with pytest.raises(BadKey, match="is no secret"):
        verify_mac(mac(certified().pem), certified().pem)


def test_nothing_that_takes_keys_finds_a_mac() -> None:
    """A public key meets HMAC nowhere: not in the table, and not where the lists are mixed up."""
    assert set(ALGORITHMS) == set(ASYMMETRIC_ALGS)
    assert set(MAC_ALGS).isdisjoint(ALGORITHMS)
    private = PrivateKey.generate("ES256")
    keys = verification_keys({"keys": [private.public_jwk]})
    with pytest.raises(AlgorithmRefused):
        verify(mac(), keys, algs=[*ASYMMETRIC_ALGS, *MAC_ALGS])
    with pytest.raises(AlgorithmRefused):
        verify_mac(sign(CLAIMS, private), SECRET, algs=[*ASYMMETRIC_ALGS, *MAC_ALGS])


def test_a_key_object_is_no_secret() -> None:
    (key,) = verification_keys({"keys": [PrivateKey.generate("ES256").public_jwk]})
    for each in (key, key.key):
        with pytest.raises(AttributeError):
            verify_mac(mac(), each)  # type: ignore[arg-type]


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c", "a.b.c.d", "x" * 20_000, "\u00a3.b.c"])
def test_what_is_no_jwt_is_malformed(token: str) -> None:
    with pytest.raises(Malformed):
        verify_mac(token, SECRET)


def test_typ_says_what_it_is_for() -> None:
    with pytest.raises(Malformed, match="typ"):
        verify_mac(mac(typ="at+jwt"), SECRET, typ=["JWT"])
