"""Secrets at rest: digests of what is compared, encryption of what must be sent again."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import FieldError
from django.db import connection

from django_ciba.models import AuthenticationRequest, Realm, SigningKey
from django_ciba.models.secrets import UndecryptableError, cipher, digest, new_secret
from tests.provider import key, make_client, make_user
from tests.unit.journeys.arrange import SEEDS, begin

pytestmark = pytest.mark.django_db

Keys = Callable[..., None]


@pytest.fixture
def keys(settings: Any) -> Keys:
    """Sets ENCRYPTION_KEYS, newest first."""

    def change(*secrets: str) -> None:
        settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "ENCRYPTION_KEYS": list(secrets)}

    return change


@pytest.fixture
def waiting(root: Realm) -> AuthenticationRequest:
    return begin(SEEDS, make_client(root)[0], make_user("alice"))


def raw(column: str, row: AuthenticationRequest) -> str:
    """What the database holds."""
    with connection.cursor() as cursor:
        sql = f"SELECT {column} FROM django_ciba_authenticationrequest WHERE id = %s"  # noqa: S608
        cursor.execute(sql, [row.pk])
        found: str = cursor.fetchone()[0]
        return found


def remember(row: AuthenticationRequest, secret: str) -> None:
    row.auth_req_id_encrypted = secret
    row.save()


def read(row: AuthenticationRequest) -> str:
    return AuthenticationRequest.objects.get(pk=row.pk).auth_req_id_encrypted


# --- made and compared --------------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "7.3")
def test_a_secret_has_256_bits_in_characters_that_need_no_escape() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", each) for each in made)


def test_a_digest_is_sha_256_in_hex() -> None:
    assert digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_client_knows_its_secret_and_nothing_else(root: Realm) -> None:
    client, secret = make_client(root)
    assert client.has_secret(secret)
    assert not client.has_secret(secret[:-1])
    assert not client.has_secret("")
    assert secret not in str(client.__dict__)
    client.secret_digest = ""
    assert not client.has_secret("")
    assert not client.has_secret(secret)


# --- encrypted columns --------------------------------------------------------------------------


def test_the_database_sees_no_secret(waiting: AuthenticationRequest) -> None:
    remember(waiting, "a secret")
    held = raw("auth_req_id_encrypted", waiting)
    assert "a secret" not in held
    assert held.startswith("gAAAA")  # Fernet's version and the high bytes of its time
    assert read(waiting) == "a secret"


def test_the_same_secret_is_never_stored_the_same_way(waiting: AuthenticationRequest) -> None:
    remember(waiting, "a secret")
    before = raw("auth_req_id_encrypted", waiting)
    remember(waiting, "a secret")
    assert raw("auth_req_id_encrypted", waiting) != before


def test_nothing_is_stored_as_nothing(waiting: AuthenticationRequest) -> None:
    remember(waiting, "")
    assert raw("auth_req_id_encrypted", waiting) == ""
    assert read(waiting) == ""


@pytest.mark.parametrize("secret", ["ß€\U0001d518", "x" * 10_000, "0", " ", "a\nb"])
def test_any_text_comes_back(waiting: AuthenticationRequest, secret: str) -> None:
    remember(waiting, secret)
    assert read(waiting) == secret


def test_a_bulk_update_encrypts_too(waiting: AuthenticationRequest) -> None:
    AuthenticationRequest.objects.filter(pk=waiting.pk).update(auth_req_id_encrypted="a secret")
    assert "a secret" not in raw("auth_req_id_encrypted", waiting)
    values = AuthenticationRequest.objects.values_list("auth_req_id_encrypted", flat=True)
    assert list(values) == ["a secret"]


@pytest.mark.parametrize("lookup", ["", "__exact", "__contains", "__startswith", "__in", "__gt"])
def test_an_encrypted_column_cannot_be_searched(lookup: str) -> None:
    with pytest.raises(FieldError):
        AuthenticationRequest.objects.filter(**{f"auth_req_id_encrypted{lookup}": "x"}).exists()


def test_a_private_key_is_not_readable_in_the_database(root: Realm) -> None:
    stored = root.signing_keys.get(alg="ES256")
    with connection.cursor() as cursor:
        cursor.execute("SELECT private_pem FROM django_ciba_signingkey")
        for (held,) in cursor.fetchall():
            assert "PRIVATE KEY" not in held
    assert stored.private_key.kid == key("ES256", "/").kid


# --- keys that change -----------------------------------------------------------------------------


def test_old_keys_still_decrypt_and_the_newest_encrypts(
    waiting: AuthenticationRequest, keys: Keys
) -> None:
    keys("old")
    remember(waiting, "a secret")
    keys("new", "old")
    assert read(waiting) == "a secret"
    row = AuthenticationRequest.objects.get(pk=waiting.pk)
    row.save()
    keys("new")
    assert read(waiting) == "a secret"
    keys("old")
    with pytest.raises(UndecryptableError):
        read(waiting)


def test_without_keys_of_our_own_djangos_secrets_are_used_and_rotate_too(
    waiting: AuthenticationRequest, settings: Any
) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "first", []
    remember(waiting, "a secret")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "second", ["first"]
    assert read(waiting) == "a secret"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(UndecryptableError):
        read(waiting)


def test_keys_of_our_own_replace_djangos(
    waiting: AuthenticationRequest, settings: Any, keys: Keys
) -> None:
    remember(waiting, "a secret")
    keys("ours")
    with pytest.raises(UndecryptableError):
        read(waiting)
    keys("ours", settings.SECRET_KEY)
    assert read(waiting) == "a secret"


def test_a_secret_of_bytes_will_do(settings: Any) -> None:
    settings.SECRET_KEY = "text"
    token = cipher().encrypt(b"a secret")
    settings.SECRET_KEY = b"text"
    assert cipher().decrypt(token) == b"a secret"


def test_what_cannot_be_decrypted_is_named_with_what_to_do_and_without_the_value(
    waiting: AuthenticationRequest, keys: Keys
) -> None:
    remember(waiting, "a secret")
    held = raw("auth_req_id_encrypted", waiting)
    keys("another")
    with pytest.raises(UndecryptableError) as caught:
        read(waiting)
    assert str(caught.value) == (
        "AuthenticationRequest.auth_req_id_encrypted was encrypted with a key that is no longer in "
        "DJANGO_CIBA['ENCRYPTION_KEYS'] (or SECRET_KEY and SECRET_KEY_FALLBACKS)"
    )
    assert caught.value.__cause__ is None
    assert held not in str(caught.value)


def test_what_was_tampered_with_is_not_decrypted(waiting: AuthenticationRequest) -> None:
    remember(waiting, "a secret")
    held = raw("auth_req_id_encrypted", waiting)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE django_ciba_authenticationrequest SET auth_req_id_encrypted = %s",
            [held[:-10] + ("A" if held[-10] != "A" else "B") + held[-9:]],
        )
    with pytest.raises(UndecryptableError):
        read(waiting)


# --- what people read -----------------------------------------------------------------------------


def test_no_secret_is_in_the_text_of_a_row(root: Realm, waiting: AuthenticationRequest) -> None:
    waiting.auth_req_id_encrypted = waiting.client_notification_token = "a secret"
    stored = SigningKey.objects.filter(realm=root).first()
    assert stored is not None
    for row in (waiting, stored):
        assert "a secret" not in f"{row} {row!r}"
        assert "PRIVATE" not in f"{row} {row!r}"
    assert waiting.auth_req_id_digest not in repr(waiting)
