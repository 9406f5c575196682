"""Which keys of a JWK Set are taken, skipped and refused, and what a refusal says."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from django_ciba.jose import (
    ASYMMETRIC_ALGS,
    BadKey,
    PrivateKey,
    base64url,
    from_base64url,
    thumbprint,
    verification_keys,
)
from django_ciba.jose.errors import ALLOWED


def integer(number: int) -> str:
    return base64url(number.to_bytes((number.bit_length() + 7) // 8))


def jwk(key: PrivateKey, **members: Any) -> dict[str, Any]:
    return {**key.public_jwk, **members}


def refusal(*keys: Any, unknown: Any = "refuse") -> str:
    with pytest.raises(BadKey) as caught:
        verification_keys({"keys": list(keys)}, unknown=unknown)
    return caught.value.reason


@pytest.mark.requirement("RFC 7517", "5")
def test_a_set_gives_its_signature_keys_in_order(keys: dict[str, PrivateKey]) -> None:
    found = verification_keys({"keys": [key.public_jwk for key in keys.values()]})
    assert [(key.kid, key.alg, key.algs) for key in found] == [
        (key.kid, key.alg, (key.alg,)) for key in keys.values()
    ]
    assert " at 0x" not in repr(found)


def test_a_key_without_alg_may_do_what_its_kind_can(keys: dict[str, PrivateKey]) -> None:
    jwks = [jwk(key) for key in keys.values()]
    for each in jwks:
        del each["alg"]
    assert [key.algs for key in verification_keys({"keys": jwks})] == [
        ("ES256",),
        ("PS256", "RS256"),
        ("PS256", "RS256"),
        ("EdDSA",),
    ]


def test_an_empty_set_has_no_keys() -> None:
    assert verification_keys({"keys": []}) == ()


@pytest.mark.requirement("RFC 7517", "4.2")
@pytest.mark.parametrize("use", ["enc", "other"])
def test_keys_for_something_else_are_passed_over(ec: PrivateKey, use: str) -> None:
    encryption = jwk(ec, use=use, alg="ECDH-ES", crv="P-384")
    (found,) = verification_keys({"keys": [encryption, ec.public_jwk]})
    assert found.kid == ec.kid


@pytest.mark.requirement("RFC 7517", "9.3")
@pytest.mark.parametrize("name", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_a_private_key_is_refused_and_its_owner_told(ec: PrivateKey, name: str) -> None:
    for unknown in ("refuse", "skip"):
        reason = refusal(jwk(ec, **{name: "x"}), unknown=unknown)
        assert reason.startswith(f"keys[0]: member {name} is private")
    assert "private" in refusal(jwk(ec, use="enc", **{name: "x"}))


def test_a_symmetric_key_is_refused() -> None:
    assert "symmetric" in refusal({"kty": "oct"}, unknown="skip")
    assert "symmetric" in refusal({"kty": "oct", "k": "c2VjcmV0"})


@pytest.mark.requirement("RFC 7517", "5")
@pytest.mark.parametrize(
    "members",
    [
        {"kty": "AKP"},
        {"kty": "EC", "crv": "P-384", "x": "", "y": ""},
        {"kty": "EC", "crv": "secp256k1", "x": "", "y": ""},
        {"kty": "OKP", "crv": "Ed448", "x": ""},
        {"kty": "OKP", "crv": "X25519", "x": ""},
        {"kty": "EC", "crv": "P-521", "alg": "ES512"},
        {"kty": "RSA", "alg": "RS512"},
    ],
)
def test_kinds_that_we_do_not_speak_can_be_skipped(ec: PrivateKey, members: dict[str, Any]) -> None:
    assert refusal(ec.public_jwk, members).startswith("keys[1]: ")
    found = verification_keys({"keys": [members, ec.public_jwk]}, unknown="skip")
    assert [key.kid for key in found] == [ec.kid]


@pytest.mark.requirement("RFC 8725", "3.2")
@pytest.mark.parametrize("alg", ["RS256", "HS256", "none", "", "es256"])
def test_an_alg_that_does_not_fit_the_key_is_refused(ec: PrivateKey, alg: str) -> None:
    assert "alg" in refusal(jwk(ec, alg=alg))


@pytest.mark.requirement("RFC 7517", "4.3")
@pytest.mark.parametrize("operations", [["sign"], [], ["encrypt"], "verify", None, 5, [["x"]]])
def test_key_ops_without_verify_is_refused(ec: PrivateKey, operations: Any) -> None:
    assert "key_ops" in refusal(jwk(ec, key_ops=operations))


def test_key_ops_with_verify_is_taken(ec: PrivateKey) -> None:
    assert len(verification_keys({"keys": [jwk(ec, key_ops=["verify"])]})) == 1


# --- RSA -------------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 7518", "3.3")
def test_rsa_keys_have_2048_to_8192_bits(keys: dict[str, PrivateKey]) -> None:
    small = rsa.generate_private_key(65537, 1024)
    n_of_small = small.public_key().public_numbers().n
    for n in (n_of_small, (1 << 2046) + 1, (1 << 8192) + 1):
        assert "bits" in refusal(jwk(keys["RS256"], n=integer(n)))
    for n in ((1 << 2047) + 1, (1 << 8191) + 1):
        assert verification_keys({"keys": [jwk(keys["RS256"], n=integer(n))]})


def test_an_enormous_modulus_is_refused_before_it_is_decoded(keys: dict[str, PrivateKey]) -> None:
    assert "too long" in refusal(jwk(keys["RS256"], n="A" * 10_000_000))


@pytest.mark.requirement("RFC 8725", "3.5")
@pytest.mark.parametrize("e", [0, 1, 2, 3, 65535, 65536, 65538, 2**32 + 1, 2**2047 + 1])
def test_silly_exponents_are_refused(keys: dict[str, PrivateKey], e: int) -> None:
    assert "e must" in refusal(jwk(keys["RS256"], e=integer(e)))


def test_an_even_modulus_is_refused(keys: dict[str, PrivateKey]) -> None:
    assert "even" in refusal(jwk(keys["RS256"], n=integer(1 << 2047)))


def test_a_sign_octet_before_the_modulus_is_forgiven(keys: dict[str, PrivateKey]) -> None:
    padded = base64url(b"\0" + from_base64url(keys["RS256"].public_jwk["n"]))
    (found,) = verification_keys({"keys": [jwk(keys["RS256"], n=padded)]})
    assert found.key == keys["RS256"].key.public_key()


# --- curves ----------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 8725", "3.4")
def test_a_point_that_is_not_on_p256_is_refused(ec: PrivateKey) -> None:
    x, y = ec.public_jwk["x"], ec.public_jwk["y"]
    zero = base64url(bytes(32))
    for point in ({"x": y, "y": x}, {"x": zero, "y": zero}, {"x": base64url(b"\xff" * 32)}):
        assert "point" in refusal(jwk(ec, **point))


@pytest.mark.requirement("RFC 7518", "6.2.1.2")
@pytest.mark.parametrize("octets", [b"", b"\0", bytes(31), bytes(33)])
def test_coordinates_have_their_full_length(ec: PrivateKey, octets: bytes) -> None:
    assert "32 octets" in refusal(jwk(ec, x=base64url(octets)))


@pytest.mark.requirement("RFC 8725", "3.4")
def test_ed25519_points_that_prove_nothing_are_refused(keys: dict[str, PrivateKey]) -> None:
    """The eight points of small order, with either sign bit, written canonically or not."""
    prime = 2**255 - 19
    order_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
    for y in (0, 1, prime - 1, order_8, prime - order_8, prime, prime + 1):
        for sign in (0, 1 << 255):
            x = base64url((y | sign).to_bytes(32, "little"))
            assert "usable" in refusal(jwk(keys["EdDSA"], x=x))


@pytest.mark.requirement("RFC 8032", "5.1.3")
def test_half_of_all_texts_are_no_ed25519_point(keys: dict[str, PrivateKey]) -> None:
    """y = 2 has no x to it; the y of any key has one."""
    assert "usable" in refusal(jwk(keys["EdDSA"], x=base64url((2).to_bytes(32, "little"))))
    for _ in range(20):
        assert verification_keys({"keys": [PrivateKey.generate("EdDSA").public_jwk]})


@pytest.mark.parametrize("octets", [b"", bytes(31), bytes(33)])
def test_ed25519_keys_have_32_octets(keys: dict[str, PrivateKey], octets: bytes) -> None:
    assert "32 octets" in refusal(jwk(keys["EdDSA"], x=base64url(octets)))


# --- the set ---------------------------------------------------------------------------------


def test_a_single_jwk_gets_a_helpful_answer(ec: PrivateKey) -> None:
    with pytest.raises(BadKey, match="single JWK"):
        verification_keys(ec.public_jwk)


def test_more_than_fifty_keys_are_refused() -> None:
    with pytest.raises(BadKey, match="at most 50"):
        verification_keys({"keys": [{}] * 51})


@pytest.mark.requirement("RFC 7517", "4.5")
def test_two_keys_of_one_name_and_algorithm_are_refused(keys: dict[str, PrivateKey]) -> None:
    same = [jwk(keys["RS256"], kid="one"), jwk(keys["RS256"], kid="one")]
    assert refusal(*same) == "keys[1]: another key has the same kid and alg"
    other_alg = [jwk(keys["RS256"], kid="one"), jwk(keys["RS256"], kid="one", alg="PS256")]
    assert len(verification_keys({"keys": other_alg})) == 2
    nameless = [{k: v for k, v in each.items() if k != "kid"} for each in same]
    assert len(verification_keys({"keys": nameless})) == 2


def test_a_kid_has_a_greatest_length(ec: PrivateKey) -> None:
    assert verification_keys({"keys": [jwk(ec, kid="k" * 256)]})
    assert "kid" in refusal(jwk(ec, kid="k" * 257))


@pytest.mark.parametrize("name", ["kty", "crv", "x", "y", "kid", "alg", "use"])
@pytest.mark.parametrize("value", [None, 5, True, [], {}, 1.5])
def test_members_of_a_wrong_type_are_refused(ec: PrivateKey, name: str, value: Any) -> None:
    assert refusal(jwk(ec, **{name: value})) == f"keys[0]: member {name} must be a string"


@pytest.mark.parametrize("alg", ASYMMETRIC_ALGS)
def test_a_missing_member_is_named(keys: dict[str, PrivateKey], alg: str) -> None:
    needed = set(keys[alg].public_jwk) - {"kid", "alg", "use"}
    for name in needed:
        left = {k: v for k, v in keys[alg].public_jwk.items() if k != name}
        assert refusal(left) == f"keys[0]: member {name} is missing"


@pytest.mark.parametrize("text", ["AA=", "A", "+/+/", "é", "\udc80", " ", "A\n"])
def test_members_that_are_not_base64url_are_refused(ec: PrivateKey, text: str) -> None:
    assert refusal(jwk(ec, x=text)) == "keys[0]: member x is not base64url"


@pytest.mark.parametrize("jwks", [None, [], "x", 5, {}, {"keys": None}, {"keys": {}}, {"keys": 5}])
def test_what_is_no_jwk_set_is_refused(jwks: Any) -> None:
    with pytest.raises(BadKey):
        verification_keys(jwks)


@pytest.mark.parametrize("each", [None, [], "x", 5])
def test_what_is_no_jwk_is_refused(each: Any) -> None:
    assert refusal(each) == "keys[0]: a JWK is a JSON object"


def test_values_nested_without_end_are_only_a_bad_key(ec: PrivateKey) -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    for name in ("kty", "x", "kid", "alg", "key_ops", "use"):
        assert refusal(jwk(ec, **{name: deep})).startswith("keys[0]: ")
    assert len(verification_keys({"keys": [jwk(ec, other=deep)]})) == 1


# --- thumbprints -----------------------------------------------------------------------------


@pytest.mark.requirement("RFC 7638", "3.1")
def test_the_thumbprint_is_the_specifications() -> None:
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"
        "BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0"
        "_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWh"
        "AI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    key = {"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint(key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.requirement("RFC 8037", "A.3")
def test_the_thumbprint_of_an_ed25519_key() -> None:
    key = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert thumbprint(key) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert verification_keys({"keys": [key]})


@pytest.mark.parametrize("key", [{}, {"kty": "oct", "k": "x"}, {"kty": "EC"}, {"kty": 5}])
def test_a_thumbprint_needs_its_members(key: dict[str, Any]) -> None:
    with pytest.raises(BadKey):
        thumbprint(key)


# --- anything at all -------------------------------------------------------------------------


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
TEXTS = st.sampled_from(["EC", "RSA", "OKP", "P-256", "Ed25519", "sig", "ES256", "RS256", "AQAB"])
JWKS = st.dictionaries(
    st.sampled_from(["kty", "crv", "x", "y", "n", "e", "use", "alg", "kid", "key_ops"]),
    TEXTS | VALUES | st.binary(max_size=300).map(base64url),
)
EC_KEY = PrivateKey.generate("ES256").public_jwk


def keys_or_a_sentence(jwks: Any, unknown: Any) -> None:
    """Nothing but keys or a `BadKey` comes out, and the error can be sent on as it is."""
    try:
        verification_keys(jwks, unknown=unknown)
    except BadKey as fault:
        sentence = fault.reason
    else:
        return
    assert ALLOWED.fullmatch(sentence)


@given(
    VALUES | st.fixed_dictionaries({"keys": VALUES | st.lists(JWKS | VALUES)}),
    st.sampled_from(["refuse", "skip"]),
)
def test_any_value_gives_keys_or_a_bad_key(jwks: Any, unknown: str) -> None:
    keys_or_a_sentence(jwks, unknown)


@given(st.sampled_from(sorted(EC_KEY)), VALUES | TEXTS)
def test_one_changed_member_gives_keys_or_a_bad_key(name: str, value: Any) -> None:
    keys_or_a_sentence({"keys": [{**EC_KEY, name: value}]}, "refuse")
