"""What `verify` takes and refuses. Every refusal has a good signature, unless that is the point."""

import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ciba.jose import (
    ASYMMETRIC_ALGS,
    FAPI_ALGS,
    AlgorithmRefused,
    BadSignature,
    JoseError,
    Malformed,
    PrivateKey,
    UnknownKey,
    VerificationKey,
    base64url,
    sign,
    unverified_claims,
    verification_keys,
    verify,
)

from .conftest import HandMade

DEEP = b"[" * 100_000 + b"]" * 100_000
ANY_SIZE = 10**7


def public(key: PrivateKey, **members: Any) -> VerificationKey:
    """The public half, with other members than it was published with; `None` leaves one out."""
    jwk = {**key.public_jwk, **members}
    jwk = {name: value for name, value in jwk.items() if value is not None}
    (found,) = verification_keys({"keys": [jwk]})
    return found


@pytest.mark.requirement("RFC 7515", "5.1")
@pytest.mark.parametrize("alg", ASYMMETRIC_ALGS)
def test_what_we_sign_we_verify_and_so_does_a_stranger(
    keys: dict[str, PrivateKey], alg: str
) -> None:
    claims = {"iss": "myCIBAClient", "binding_message": "£50 për të", "n": 2**63, "none": None}
    token = sign(claims, keys[alg])
    verified = verify(token, [keys[alg].verification_key], algs=ASYMMETRIC_ALGS)
    assert verified.claims == claims
    assert verified.header == {"typ": "JWT", "alg": alg, "kid": keys[alg].kid}
    assert verified.key.kid == keys[alg].kid
    stranger = jwt.decode(token, jwt.PyJWK(keys[alg].public_jwk), algorithms=[alg])
    assert stranger == claims


@pytest.mark.parametrize("alg", ASYMMETRIC_ALGS)
def test_what_a_stranger_signs_we_verify(keys: dict[str, PrivateKey], alg: str) -> None:
    token = jwt.encode({"sub": "alice"}, keys[alg].key, algorithm=alg)
    verified = verify(token, [keys[alg].verification_key], algs=[alg])
    assert verified.claims == {"sub": "alice"}


def test_typ_is_ours_to_choose_or_to_leave_out(ec: PrivateKey) -> None:
    assert unverified_claims(sign({}, ec, typ="at+jwt"))[0]["typ"] == "at+jwt"
    assert "typ" not in unverified_claims(sign({}, ec, typ=None))[0]


def test_nan_cannot_be_signed(ec: PrivateKey) -> None:
    with pytest.raises(ValueError, match="JSON"):
        sign({"exp": float("nan")}, ec)


# --- the algorithm ---------------------------------------------------------------------------


@pytest.mark.requirement("RFC 8725", "3.1")
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
def test_an_unsigned_token_is_refused_even_when_the_caller_lists_none(
    ec: PrivateKey, alg: str
) -> None:
    header, payload = ({"alg": alg}, {"sub": "alice"})
    token = ".".join(base64url(json.dumps(each).encode()) for each in (header, payload)) + "."
    with pytest.raises(AlgorithmRefused):
        verify(token, [ec.verification_key], algs=[*ASYMMETRIC_ALGS, alg])


@pytest.mark.requirement("RFC 8725", "2.1")
@pytest.mark.parametrize("alg", ASYMMETRIC_ALGS)
def test_the_public_key_is_never_an_hmac_secret(keys: dict[str, PrivateKey], alg: str) -> None:
    jwk = json.dumps(keys[alg].public_jwk).encode()
    signing_input = ".".join(base64url(each) for each in (b'{"alg":"HS256"}', b"{}"))
    mac = hmac.new(jwk, signing_input.encode(), hashlib.sha256).digest()
    with pytest.raises(AlgorithmRefused):
        verify(
            f"{signing_input}.{base64url(mac)}",
            [keys[alg].verification_key],
            algs=[*ASYMMETRIC_ALGS, "HS256"],
        )


@pytest.mark.requirement("RFC 8725", "3.1")
def test_an_algorithm_that_is_not_registered_is_refused(keys: dict[str, PrivateKey]) -> None:
    token = sign({}, keys["RS256"])
    with pytest.raises(AlgorithmRefused) as refusal:
        verify(token, [public(keys["RS256"], alg=None)], algs=FAPI_ALGS)
    assert "PS256" in refusal.value.reason


@pytest.mark.requirement("RFC 8725", "3.1")
def test_a_key_that_names_its_algorithm_is_used_with_no_other(keys: dict[str, PrivateKey]) -> None:
    rsa = keys["PS256"]
    token = jwt.encode({}, rsa.key, algorithm="RS256", headers={"kid": rsa.kid})
    with pytest.raises(UnknownKey):
        verify(token, [rsa.verification_key], algs=ASYMMETRIC_ALGS)
    assert verify(token, [public(rsa, alg=None)], algs=ASYMMETRIC_ALGS).claims == {}


@pytest.mark.requirement("RFC 8725", "3.1")
@pytest.mark.parametrize("alg", ASYMMETRIC_ALGS)
def test_a_header_cannot_choose_an_algorithm_for_a_key_of_another_kind(
    keys: dict[str, PrivateKey], alg: str
) -> None:
    others = [key for key in keys.values() if key.public_jwk["kty"] != keys[alg].public_jwk["kty"]]
    for other in others:
        with pytest.raises(UnknownKey):
            verify(sign({}, keys[alg]), [public(other, kid=None)], algs=ASYMMETRIC_ALGS)


# --- the key ---------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 7515", "4.1.4")
def test_a_kid_chooses_among_keys(ec: PrivateKey) -> None:
    other = PrivateKey.generate("ES256")
    both = [other.verification_key, ec.verification_key]
    assert verify(sign({}, ec), both, algs=["ES256"]).key.kid == ec.kid
    with pytest.raises(UnknownKey):
        verify(sign({}, ec), [other.verification_key], algs=["ES256"])


@pytest.mark.requirement("RFC 7515", "4.1.4")
def test_another_keys_kid_does_not_verify(ec: PrivateKey) -> None:
    other = PrivateKey.generate("ES256")
    token = jwt.encode({}, ec.key, algorithm="ES256", headers={"kid": other.kid})
    with pytest.raises(BadSignature):
        verify(token, [other.verification_key, ec.verification_key], algs=["ES256"])


def test_without_a_kid_every_key_that_fits_is_tried(ec: PrivateKey, hand_made: HandMade) -> None:
    others = [PrivateKey.generate("ES256").verification_key for _ in range(3)]
    assert verify(hand_made(), [*others, ec.verification_key], algs=["ES256"]).key.kid == ec.kid
    with pytest.raises(BadSignature):
        verify(hand_made(), others, algs=["ES256"])


def test_keys_without_names_fit_any_kid(ec: PrivateKey, hand_made: HandMade) -> None:
    token = hand_made({"alg": "ES256", "kid": "whatever"})
    assert verify(token, [public(ec, kid=None)], algs=["ES256"]).claims == {}


def test_the_number_of_keys_tried_has_an_end(hand_made: HandMade) -> None:
    many = [PrivateKey.generate("ES256").verification_key for _ in range(11)]
    with pytest.raises(Malformed, match="kid"):
        verify(hand_made(), many, algs=["ES256"])


def test_no_keys_at_all_is_an_unknown_key(hand_made: HandMade) -> None:
    with pytest.raises(UnknownKey):
        verify(hand_made(), [], algs=["ES256"])


@pytest.mark.requirement("RFC 8725", "3.10")
def test_a_key_that_the_token_brings_along_is_not_looked_at(
    ec: PrivateKey, hand_made: HandMade
) -> None:
    header = {
        "alg": "ES256",
        "jwk": ec.public_jwk,
        "jku": "http://127.0.0.1:1/",
        "x5u": "http://127.0.0.1:1/",
        "x5c": ["MII"],
    }
    with pytest.raises(BadSignature):
        verify(hand_made(header), [PrivateKey.generate("ES256").verification_key], algs=["ES256"])
    assert verify(hand_made(header), [ec.verification_key], algs=["ES256"]).claims == {}


# --- the signature ---------------------------------------------------------------------------


@pytest.mark.requirement("RFC 7515", "5.2")
@pytest.mark.parametrize("alg", ASYMMETRIC_ALGS)
@pytest.mark.parametrize("signature", [b"", b"\0", b"\0" * 64, b"\xff" * 64, b"\0" * 256])
def test_a_signature_of_any_length_is_only_a_bad_signature(
    keys: dict[str, PrivateKey], alg: str, signature: bytes
) -> None:
    token = sign({}, keys[alg]).rpartition(".")[0] + "." + base64url(signature)
    with pytest.raises(BadSignature):
        verify(token, [keys[alg].verification_key], algs=[alg])


@pytest.mark.requirement("RFC 7515", "5.2")
@pytest.mark.parametrize("alg", ASYMMETRIC_ALGS)
def test_a_changed_payload_does_not_verify(keys: dict[str, PrivateKey], alg: str) -> None:
    header, _, signature = sign({"sub": "alice"}, keys[alg]).split(".")
    token = ".".join((header, base64url(b'{"sub":"mallory"}'), signature))
    with pytest.raises(BadSignature):
        verify(token, [keys[alg].verification_key], algs=[alg])


@pytest.mark.requirement("RFC 7518", "3.4")
def test_a_der_signature_is_not_a_jws_signature(ec: PrivateKey) -> None:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    signing_input, _, signature = sign({}, ec).rpartition(".")
    raw = jwt.utils.base64url_decode(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    with pytest.raises(BadSignature):
        verify(f"{signing_input}.{base64url(der)}", [ec.verification_key], algs=["ES256"])


# --- the form --------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 7515", "3.1")
@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        "a.b.c.d.e",
        '{"payload":"e30","signatures":[]}',
        "é.é.é",
        "\udc80.e30.e30",
        "e30.e30.e30",
        "\0.\0.\0",
    ],
)
def test_only_the_compact_form_is_read(ec: PrivateKey, token: str) -> None:
    with pytest.raises(Malformed):
        verify(token, [ec.verification_key], algs=["ES256"])
    with pytest.raises(Malformed):
        unverified_claims(token)


@pytest.mark.requirement("RFC 7515", "2")
@pytest.mark.parametrize("stray", ["=", "==", " ", "\n", "+", "/", "!", "A"])
@pytest.mark.parametrize("segment", [0, 1, 2])
def test_base64url_has_one_spelling(ec: PrivateKey, stray: str, segment: int) -> None:
    segments = sign({"sub": "alice"}, ec).split(".")
    segments[segment] += stray
    with pytest.raises((Malformed, BadSignature)):
        verify(".".join(segments), [ec.verification_key], algs=["ES256"])


@pytest.mark.requirement("RFC 7515", "2")
def test_trailing_bits_that_decode_to_nothing_are_refused(ec: PrivateKey) -> None:
    token = sign({}, ec)
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(token[-1])
    assert last % 16 == 0  # 64 octets leave four bits over
    other = token[:-1] + chr(ord(token[-1]) + 1)
    with pytest.raises(Malformed):
        verify(other, [ec.verification_key], algs=["ES256"])


def test_length_is_measured_before_anything_is_read(ec: PrivateKey, hand_made: HandMade) -> None:
    token = hand_made(payload={"x": "y" * 20_000})
    with pytest.raises(Malformed, match="at most"):
        verify(token, [ec.verification_key], algs=["ES256"])
    fits = verify(token, [ec.verification_key], algs=["ES256"], max_length=len(token))
    assert len(fits.claims["x"]) == 20_000
    with pytest.raises(Malformed, match="at most"):
        unverified_claims(token, max_length=len(token) - 1)


def test_a_header_has_a_length_of_its_own(ec: PrivateKey, hand_made: HandMade) -> None:
    with pytest.raises(Malformed, match="header"):
        verify(hand_made({"alg": "ES256", "x": "y" * 8192}), [ec.verification_key], algs=["ES256"])


@pytest.mark.requirement("RFC 7515", "4.1.11")
@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"crit": None},
        {"b64": False},
        {"b64": True},
        {"zip": "DEF"},
        {"kid": 5},
        {"kid": None},
        {"kid": "k" * 257},
        {"typ": 5},
        {"alg": 5},
        {"alg": None},
        {"alg": ["ES256"]},
        {"alg": {}},
    ],
)
def test_header_parameters_that_change_the_meaning_are_refused(
    ec: PrivateKey, hand_made: HandMade, extra: dict[str, Any]
) -> None:
    with pytest.raises(Malformed):
        verify(hand_made({"alg": "ES256", **extra}), [ec.verification_key], algs=["ES256"])


BAD_JSON = [
    b"",
    b"null",
    b"[]",
    b"5",
    b'"alg"',
    b"{",
    b"{}x",
    b'{"alg":"ES256","alg":"ES256"}',
    b'{"alg":"ES256","x":{"y":1,"y":2}}',
    b'{"alg":"ES256","x":NaN}',
    b'{"alg":"ES256","x":-Infinity}',
    b'{"alg":"ES256","x":1e999}',
    b'{"alg":"ES256","x":' + b"9" * 5000 + b"}",
    b'{"alg":"ES256","x":"\xff"}',
    b'{"alg":"ES256","x":"\xed\xa0\x80"}',
    b'{"alg":"ES256","x":"\\ud800"}',
    b'{"alg":"ES256","x":["\\uDFFF"]}',
    b'{"alg":"ES256","\\ud800":1}',
    b'\xef\xbb\xbf{"alg":"ES256"}',
    '{"alg":"ES256"}'.encode("utf-16"),
    b'{"alg":"ES256","x":' + b"[" * 40 + b"]" * 40 + b"}",
    b'{"alg":"ES256","x":' + b'{"x":' * 40 + b"1" + b"}" * 40 + b"}",
]


@pytest.mark.requirement("RFC 8725", "2.4")
@pytest.mark.parametrize("octets", BAD_JSON, ids=range(len(BAD_JSON)))
def test_json_that_two_parsers_could_read_differently_is_refused(
    ec: PrivateKey, hand_made: HandMade, octets: bytes
) -> None:
    for token in (hand_made(octets), hand_made(payload=octets)):
        with pytest.raises(Malformed):
            verify(token, [ec.verification_key], algs=["ES256"])
        with pytest.raises(Malformed):
            unverified_claims(token)


@pytest.mark.parametrize("octets", [DEEP, b'{"alg":"ES256","x":' + DEEP + b"}"])
def test_json_nested_a_hundred_thousand_deep_is_malformed(
    ec: PrivateKey, hand_made: HandMade, octets: bytes
) -> None:
    with pytest.raises(Malformed):
        verify(
            hand_made(payload=octets), [ec.verification_key], algs=["ES256"], max_length=ANY_SIZE
        )


def test_many_values_side_by_side_are_not_deep(ec: PrivateKey, hand_made: HandMade) -> None:
    claims = {"authorization_details": [{"type": "payment", "to": ["\U0001f600"]}] * 40}
    assert verify(hand_made(payload=claims), [ec.verification_key], algs=["ES256"]).claims == claims


def test_big_numbers_and_odd_texts_are_kept(ec: PrivateKey, hand_made: HandMade) -> None:
    claims = {"n": 2**63, "m": -(10**300), "zero": "\0", "face": "\U0001f600", "bidi": "\u202e"}
    assert verify(hand_made(payload=claims), [ec.verification_key], algs=["ES256"]).claims == claims


@pytest.mark.requirement("RFC 8725", "3.11")
@pytest.mark.parametrize(
    ("typ", "fits"),
    [
        ("oauth-authz-req+jwt", True),
        ("OAuth-Authz-Req+JWT", True),
        ("application/oauth-authz-req+jwt", True),
        ("jwt", True),
        (None, True),
        ("at+jwt", False),
        ("", False),
    ],
)
def test_typ_is_compared_as_a_media_type(ec: PrivateKey, typ: str | None, fits: bool) -> None:
    token = sign({}, ec, typ=typ)
    expected = ("oauth-authz-req+jwt", "JWT")
    if fits:
        verify(token, [ec.verification_key], algs=["ES256"], typ=expected)
    else:
        with pytest.raises(Malformed, match="typ"):
            verify(token, [ec.verification_key], algs=["ES256"], typ=expected)
    verify(token, [ec.verification_key], algs=["ES256"])


def test_unverified_claims_come_from_the_same_parse(ec: PrivateKey) -> None:
    header, claims = unverified_claims(sign({"iss": "myCIBAClient"}, ec))
    assert header["kid"] == ec.kid
    assert claims == {"iss": "myCIBAClient"}


# --- anything at all -------------------------------------------------------------------------


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
HEADERS = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "x5c", "cty"]) | st.text(),
    JSON | st.sampled_from([*ASYMMETRIC_ALGS, "none", "HS256"]),
)
OCTETS = st.binary() | JSON.map(lambda value: json.dumps(value).encode())
KEY = PrivateKey.generate("ES256").verification_key


@given(st.text() | st.text(alphabet="ab.e30=-_ {}\0é"))
def test_any_text_is_refused_by_a_jose_error(text: str) -> None:
    with pytest.raises(JoseError):
        verify(text, [KEY], algs=ASYMMETRIC_ALGS)


@given(HEADERS.map(lambda value: json.dumps(value).encode()) | OCTETS, OCTETS, st.binary())
def test_any_three_parts_are_refused_by_a_jose_error(
    header: bytes, payload: bytes, signature: bytes
) -> None:
    with pytest.raises(JoseError):
        verify(
            ".".join(base64url(each) for each in (header, payload, signature)),
            [KEY],
            algs=ASYMMETRIC_ALGS,
        )
