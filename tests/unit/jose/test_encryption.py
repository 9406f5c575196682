"""RFC 7516: what we encrypt opens for its holder alone, and no header makes us work or guess."""

import json
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import OctKey

from django_ciba.jose import (
    ENCRYPTION_ALGS,
    ENCRYPTION_ENCS,
    AlgorithmRefused,
    BadKey,
    EncryptionKey,
    Malformed,
    PrivateKey,
    Undecryptable,
    UnknownKey,
    base64url,
    decrypted,
    encrypted,
    encryption_keys,
    is_encrypted,
    verification_keys,
)
from tests.provider import key

INSIDE = "eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl"


def public(private: PrivateKey) -> EncryptionKey:
    (found,) = encryption_keys({"keys": [private.public_jwk]})
    return found


def opened(token: str, *keys: PrivateKey, **allowed: Any) -> str:
    return decrypted(token, keys, **{"algs": ENCRYPTION_ALGS, "encs": ENCRYPTION_ENCS, **allowed})


def with_header(**members: Any) -> str:
    """A token of the compact form with that header, and nothing that would open."""
    good = {"alg": "ECDH-ES", "enc": "A128GCM"}
    header = {name: value for name, value in {**good, **members}.items() if value is not None}
    return f"{base64url(json.dumps(header).encode())}..AAAA.AAAA.AAAA"


@pytest.mark.requirement("RFC 7516", "5")
@pytest.mark.parametrize("enc", ENCRYPTION_ENCS)
@pytest.mark.parametrize("alg", ENCRYPTION_ALGS)
def test_what_is_encrypted_opens_for_the_holder_of_the_key(alg: str, enc: str) -> None:
    holder = key(alg)
    token = encrypted(INSIDE, public(holder), alg, enc)
    assert is_encrypted(token)
    assert INSIDE not in token
    assert opened(token, key(alg, "another"), holder) == INSIDE
    with pytest.raises(UnknownKey):
        opened(token, key(alg, "another"))


def test_the_holder_may_publish_its_key_without_alg_use_and_kid() -> None:
    holder = key("ECDH-ES")
    bare = {name: holder.public_jwk[name] for name in ("kty", "crv", "x", "y")}
    (found,) = encryption_keys({"keys": [bare]})
    token = encrypted(INSIDE, found, "ECDH-ES+A256KW", "A256GCM")
    wraps = PrivateKey.from_pem(holder.to_pem(), "ECDH-ES+A256KW")
    assert opened(token, wraps) == INSIDE
    with pytest.raises(AlgorithmRefused):
        encrypted(INSIDE, found, "RSA-OAEP-256", "A256GCM")


@pytest.mark.requirement("RFC 7517", "4.2")
def test_a_set_tells_keys_for_signatures_from_keys_for_encryption() -> None:
    signs, decrypts = key("ES256"), key("ECDH-ES")
    jwks = {"keys": [signs.public_jwk, decrypts.public_jwk]}
    assert [each.kid for each in encryption_keys(jwks)] == [decrypts.kid]
    assert [each.kid for each in verification_keys(jwks)] == [signs.kid]


@pytest.mark.requirement("RFC 7517", "9.3")
@pytest.mark.parametrize(
    ("jwk", "words"),
    [
        ("text", "keys[0]: a JWK is a JSON object"),
        ({"kty": "oct", "k": "AAAA"}, "symmetric"),
        ({**key("ECDH-ES").public_jwk, "d": "AAAA"}, "member d is private"),
        ({**key("ECDH-ES").public_jwk, "x": "AAAA"}, "32 octets"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_by_its_place(jwk: Any, words: str) -> None:
    with pytest.raises(BadKey) as caught:
        encryption_keys({"keys": [jwk]})
    assert words in caught.value.reason


# --- what others send ---------------------------------------------------------------------------


@pytest.mark.requirement("RFC 7516", "4.1")
@pytest.mark.parametrize(
    ("header", "fault", "words"),
    [
        ({"zip": "DEF"}, Malformed, "zip is not supported"),
        ({"crit": ["b64"]}, Malformed, "may hold"),
        ({"jku": "https://rp.example/jwks"}, Malformed, "may hold"),
        ({"kid": 1}, Malformed, "kid is of the wrong type"),
        ({"epk": "text"}, Malformed, "epk is of the wrong type"),
        ({"alg": None}, AlgorithmRefused, "alg of the encryption must be"),
        ({"alg": "dir"}, AlgorithmRefused, "alg of the encryption must be"),
        ({"alg": "RSA1_5"}, AlgorithmRefused, "alg of the encryption must be"),
        ({"enc": None}, AlgorithmRefused, "enc must be"),
        ({"enc": "A192CBC-HS384"}, AlgorithmRefused, "enc must be"),
        ({"kid": "stranger"}, UnknownKey, "no encryption key of ours"),
    ],
)
def test_a_header_that_we_do_not_take_is_refused(header: Any, fault: Any, words: str) -> None:
    with pytest.raises(fault) as caught:
        opened(with_header(**header), key("ECDH-ES"))
    assert words in caught.value.reason


@pytest.mark.requirement("RFC 8725", "3.1")
def test_a_password_and_its_count_are_not_looked_at() -> None:
    bomb = with_header(alg="PBES2-HS256+A128KW", p2s="AAAA", p2c=2**31)
    with pytest.raises(Malformed):
        opened(bomb, key("ECDH-ES"))
    with pytest.raises(AlgorithmRefused):
        opened(with_header(alg="PBES2-HS256+A128KW"), key("ECDH-ES"))


@pytest.mark.requirement("RFC 8725", "3.1")
def test_a_public_key_is_no_shared_secret() -> None:
    holder = key("ECDH-ES")
    secret = OctKey.import_key(holder.public_jwk["x"].encode()[:16])
    header = {"alg": "A128KW", "enc": "A128GCM", "kid": holder.kid}
    token = jwe.encrypt_compact(header, INSIDE, secret, algorithms=["A128KW", "A128GCM"])
    with pytest.raises(AlgorithmRefused):
        opened(token, holder)


@pytest.mark.parametrize(
    "token", ["", "....", "x....", "a.b.c.d.e", "e30....", f"{'x' * 24_577}....", "\ud800...."]
)
def test_what_is_no_encrypted_jwt_is_refused(token: str) -> None:
    with pytest.raises((Malformed, AlgorithmRefused)):
        opened(token, key("ECDH-ES"))


@pytest.mark.requirement("RFC 7516", "11.5")
def test_every_broken_part_is_refused_with_one_text() -> None:
    holder = key("RSA-OAEP-256")
    token = encrypted(INSIDE, public(holder), "RSA-OAEP-256", "A128CBC-HS256")
    parts = token.split(".")
    texts = set()
    for place in range(1, 5):
        broken = list(parts)
        broken[place] = base64url(b"\0" * max(1, len(parts[place]) * 3 // 4))
        with pytest.raises(Undecryptable) as caught:
            opened(".".join(broken), holder)
        texts.add(caught.value.reason)
    assert len(texts) == 1


def test_what_is_inside_must_be_text() -> None:
    holder = key("ECDH-ES")
    kept = public(holder)
    token = encrypted("caf\u00e9", kept, "ECDH-ES", "A128GCM")
    with pytest.raises(Undecryptable):
        opened(token, holder)
