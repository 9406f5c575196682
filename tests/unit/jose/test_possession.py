"""What `verify_possession` takes and refuses: JWTs signed with the key that they carry."""

from typing import Any

import pytest

from django_ciba.jose import (
    ASYMMETRIC_ALGS,
    AlgorithmRefused,
    BadKey,
    BadSignature,
    JoseError,
    Malformed,
    PrivateKey,
    base64url,
    thumbprint,
    verify_possession,
)
from tests.relying_party import compact

TYP = "dpop+jwt"
CLAIMS = {"jti": "1", "n": 2**63}


def public(key: PrivateKey, **members: Any) -> dict[str, Any]:
    """The members that RFC 7638 names, and others."""
    named = ("kty", "crv", "x", "y", "n", "e")
    return {name: key.public_jwk[name] for name in named if name in key.public_jwk} | members


def proof(key: PrivateKey, **header: Any) -> str:
    """A good one, signed by `key`; a header parameter that is None is left out."""
    whole = {"typ": TYP, "alg": key.alg, "jwk": public(key), **header}
    return compact({name: value for name, value in whole.items() if value is not None}, CLAIMS, key)


def refused(token: str, fault: type[JoseError], words: str) -> None:
    with pytest.raises(fault, match=words):
        verify_possession(token, algs=ASYMMETRIC_ALGS, typ=TYP)


@pytest.mark.requirement("RFC 9449", "4.3")
@pytest.mark.requirement("RFC 7638", "3")
@pytest.mark.parametrize("alg", ASYMMETRIC_ALGS)
def test_who_signs_with_the_key_inside_holds_it(keys: dict[str, PrivateKey], alg: str) -> None:
    found = verify_possession(proof(keys[alg]), algs=ASYMMETRIC_ALGS, typ=TYP)
    assert found.claims == CLAIMS
    assert found.thumbprint == thumbprint(keys[alg].public_jwk)


@pytest.mark.requirement("RFC 7638", "3")
def test_members_beside_the_key_do_not_change_its_thumbprint(ec: PrivateKey) -> None:
    token = proof(ec, jwk=public(ec, kid="a", use="sig", alg="ES256", key_ops=["verify"], x5c=[]))
    found = verify_possession(token, algs=ASYMMETRIC_ALGS, typ=TYP)
    assert found.thumbprint == thumbprint(ec.public_jwk)


@pytest.mark.requirement("RFC 9449", "4.2")
@pytest.mark.parametrize("typ", [TYP, "DPoP+JWT", "application/dpop+jwt"])
def test_a_media_type_has_no_case(ec: PrivateKey, typ: str) -> None:
    assert verify_possession(proof(ec, typ=typ), algs=ASYMMETRIC_ALGS, typ=TYP).claims == CLAIMS


@pytest.mark.requirement("RFC 9449", "4.3")
@pytest.mark.parametrize("typ", [None, "JWT", "", "dpop"])
def test_a_jwt_of_another_type_is_no_proof(ec: PrivateKey, typ: str | None) -> None:
    refused(proof(ec, typ=typ), Malformed, r"typ must be dpop\+jwt")


@pytest.mark.requirement("RFC 9449", "4.3")
@pytest.mark.parametrize("alg", ["none", "HS256", "ES384", "es256", "RS1"])
def test_an_algorithm_that_is_not_asymmetric_and_ours_is_refused(ec: PrivateKey, alg: str) -> None:
    refused(proof(ec, alg=alg), AlgorithmRefused, "alg must be ES256 or PS256")


def test_an_algorithm_that_the_caller_leaves_out_is_refused(keys: dict[str, PrivateKey]) -> None:
    with pytest.raises(AlgorithmRefused):
        verify_possession(proof(keys["RS256"]), algs=("ES256", "PS256"), typ=TYP)


@pytest.mark.requirement("RFC 9449", "4.2")
@pytest.mark.parametrize("jwk", [None, [], "key", 1, {"keys": []}, {}])
def test_without_a_key_inside_nothing_is_proved(ec: PrivateKey, jwk: Any) -> None:
    token = proof(ec, jwk=jwk)
    with pytest.raises((Malformed, BadKey)):
        verify_possession(token, algs=ASYMMETRIC_ALGS, typ=TYP)


@pytest.mark.requirement("RFC 9449", "4.3")
@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_a_private_key_inside_is_refused(ec: PrivateKey, member: str) -> None:
    refused(proof(ec, jwk=public(ec, **{member: "AQ"})), BadKey, f"member {member} is private")


@pytest.mark.requirement("RFC 9449", "4.3")
@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"kty": "oct", "k": "AQ"}, "symmetric"),
        ({"crv": "P-521"}, "P-256"),
        ({"crv": "secp256k1"}, "P-256"),
        ({"kty": "XYZ"}, "kty is none of"),
        ({"use": "enc"}, "use of this key"),
        ({"key_ops": ["sign"]}, "key_ops"),
        ({"alg": "ES384"}, "alg of this key"),
        ({"x": base64url(b"\1" * 32)}, "not a point"),
        ({"x": base64url(b"\1" * 31)}, "32 octets"),
    ],
)
def test_a_key_that_we_do_not_take_is_refused(
    ec: PrivateKey, members: dict[str, Any], words: str
) -> None:
    refused(proof(ec, jwk=public(ec, **members)), BadKey, words)


@pytest.mark.requirement("RFC 9449", "4.3")
def test_an_rsa_key_of_less_than_2048_bits_is_refused(keys: dict[str, PrivateKey]) -> None:
    short = base64url(b"\xff" * 255)
    rsa = keys["PS256"]
    refused(proof(rsa, jwk=public(rsa, n=short)), BadKey, "2048")


@pytest.mark.requirement("RFC 8725", "3.1")
def test_a_key_signs_only_with_an_algorithm_of_its_own(keys: dict[str, PrivateKey]) -> None:
    rsa = keys["PS256"]
    refused(proof(rsa, alg="ES256"), BadKey, "not one for alg")
    refused(proof(rsa, jwk=public(rsa, alg="RS256")), BadKey, "not one for alg")


@pytest.mark.requirement("RFC 9449", "4.3")
def test_a_signature_of_another_key_is_refused(ec: PrivateKey) -> None:
    other = PrivateKey.generate("ES256")
    refused(proof(ec, jwk=public(other)), BadSignature, "does not verify")


@pytest.mark.requirement("RFC 9449", "4.3")
def test_a_changed_proof_is_refused(ec: PrivateKey) -> None:
    header, _, signature = proof(ec).split(".")
    refused(f"{header}.{base64url(b'{}')}.{signature}", BadSignature, "does not verify")


@pytest.mark.requirement("RFC 9449", "4.3")
@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c.d", "..", "\u00e9.b.c", "a,b.c.d"])
def test_what_is_no_jwt_is_malformed(token: str) -> None:
    refused(token, Malformed, ".")


def test_a_header_that_changes_the_meaning_of_the_rest_is_refused(ec: PrivateKey) -> None:
    refused(proof(ec, crit=["x"]), Malformed, "crit")
