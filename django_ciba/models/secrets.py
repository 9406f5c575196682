"""Secrets at rest: digests of what is only compared, encryption of what must be sent again."""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models
from django.db.models.query_utils import DeferredAttribute
from django.utils.encoding import force_str

from django_ciba.conf import ciba_settings

SECRET_BYTES = 32  # 256 bits: FAPI and CIBA Core §7.3 ask for at least 128, and 160 is advised


def new_secret() -> str:
    """256 random bits as base64url: characters that Basic credentials read one way only."""
    return secrets.token_urlsafe(SECRET_BYTES)


def digest(secret: str) -> str:
    """SHA-256 of a secret, in hex. Enough for 256 random bits; a chosen password needs more."""
    return hashlib.sha256(secret.encode()).hexdigest()


@lru_cache(maxsize=8)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    def derived(key: str) -> Fernet:
        raw = HKDF(SHA256(), 32, salt=None, info=b"django_ciba encrypted columns")
        return Fernet(base64.urlsafe_b64encode(raw.derive(key.encode())))

    return MultiFernet([derived(key) for key in keys])


def secret_keys() -> tuple[str, ...]:
    """ENCRYPTION_KEYS, or Django's secrets: the newest first, and those that still count."""
    own: Sequence[str | bytes] = ciba_settings.ENCRYPTION_KEYS
    keys = own or (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return tuple(force_str(key) for key in keys)


def cipher() -> MultiFernet:
    """Encrypts with the newest key, decrypts with any of ENCRYPTION_KEYS (or Django's secrets)."""
    return _cipher(secret_keys())


class UndecryptableError(Exception):
    """A stored value that none of the configured keys decrypts."""


class _Lost:
    """Stands in a row for a value that cannot be decrypted; whoever reads the value is told why."""

    __slots__ = ("why",)

    def __init__(self, why: str) -> None:
        self.why = why


class _Decrypted(DeferredAttribute):
    """A row is read, listed, counted and deleted although a secret in it is lost."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if isinstance(value, _Lost):
            raise UndecryptableError(value.why)
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


if TYPE_CHECKING:
    TextField = models.TextField[str, str]
else:
    TextField = models.TextField


class EncryptedTextField(TextField):
    """Text that the database sees only encrypted; cannot be searched.

    To read one that none of the configured keys decrypts raises UndecryptableError; to load its
    row does not.
    """

    descriptor_class = _Decrypted

    def get_prep_value(self, value: Any) -> Any:
        if value is None or value == "":
            return value
        return cipher().encrypt(str(value).encode()).decode()

    def from_db_value(
        self, value: str | None, expression: Any, connection: Any
    ) -> str | _Lost | None:
        if not value:
            return value
        try:
            return cipher().decrypt(value.encode()).decode()
        except InvalidToken:
            return _Lost(
                f"{self.model.__name__}.{self.name} was encrypted with a key that is no longer in "
                "DJANGO_CIBA['ENCRYPTION_KEYS'] (or SECRET_KEY and SECRET_KEY_FALLBACKS)"
            )

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            return None  # an encrypted value compares with nothing
        return super().get_lookup(lookup_name)
