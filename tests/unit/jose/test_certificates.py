"""Certificates of others: read whole, or refused; and those that a JWK Set registers."""

import base64
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from django_ciba.jose import BadKey, PrivateKey, certificate, registered_certificates
from tests.certificates import Certified, authority, certified

SHOP = certified(dns=["shop.example.com"])


def test_a_certificate_is_read() -> None:
    assert certificate(SHOP.der) == SHOP.certificate


@given(st.data())
def test_whatever_is_broken_is_read_or_refused(data: st.DataObject) -> None:
    """Nothing but BadKey comes out, and what was read holds still when it is looked at."""
    octets = bytearray(SHOP.der)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(octets) - 1))
        octets[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(octets)))
    for each in (bytes(octets), bytes(octets[:cut])):
        try:
            found = certificate(each)
        except BadKey:
            continue
        assert found.subject is not None
        assert list(found.extensions) is not None
        assert found.public_key() is not None
        assert found.not_valid_before_utc is not None


@pytest.mark.parametrize("der", [b"", b"0", SHOP.pem.encode(), SHOP.der + b"0", SHOP.der[:-1]])
def test_what_is_no_certificate_is_a_bad_key(der: bytes) -> None:
    with pytest.raises(BadKey, match="no certificate that can be read"):
        certificate(der)


def test_a_broken_extension_is_found_at_once() -> None:
    san = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x30\x03\x82\x05a")
    with pytest.raises(BadKey):
        certificate(certified(extensions=[san]).der)


def test_the_first_of_each_x5c_is_registered_whatever_kind_of_key_it_holds() -> None:
    large = certified(key=ec.generate_private_key(ec.SECP384R1()))
    chain = {**SHOP.jwk, "x5c": [*SHOP.jwk["x5c"], *authority().jwk["x5c"]]}
    keys = [chain, PrivateKey.generate("ES256").public_jwk, large.jwk]
    assert registered_certificates({"keys": keys}) == (SHOP.certificate, large.certificate)
    assert registered_certificates({"keys": []}) == ()


def x5c(value: Any, of: Certified = SHOP) -> dict[str, Any]:
    return {**of.jwk, "x5c": value}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "must be a list of certificates in base64"),
        ("", "must be a list of certificates in base64"),
        ([], "must be a list of certificates in base64"),
        ([1], "must be a list of certificates in base64"),
        (["*"], "must be a list of certificates in base64"),
        (["\u00a3"], "must be a list of certificates in base64"),
        ([base64.urlsafe_b64encode(b"\xff\xfe\xfd" * 9).decode()], "must be a list of"),
        (["AAAA"], "no certificate that can be read"),
        (["A" * 20_000], "too long"),
        ({"0": SHOP.jwk["x5c"][0]}, "must be a list of certificates in base64"),
    ],
)
def test_a_wrong_x5c_is_named_by_its_place_or_skipped(value: Any, words: str) -> None:
    jwks = {"keys": [SHOP.jwk, x5c(value)]}
    with pytest.raises(BadKey, match=rf"keys\[1\]: x5c: .*{words}"):
        registered_certificates(jwks)
    assert registered_certificates(jwks, unknown="skip") == (SHOP.certificate,)


@pytest.mark.parametrize(
    "jwks", [None, [], {"keys": None}, {"keys": {}}, {"keys": [SHOP.jwk] * 51}]
)
def test_what_is_no_jwk_set_registers_nothing(jwks: Any) -> None:
    with pytest.raises(BadKey):
        registered_certificates(jwks, unknown="skip")
