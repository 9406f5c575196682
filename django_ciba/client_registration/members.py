"""The members of client metadata, each with what its value must be by itself."""

import re
import unicodedata
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from functools import partial
from ipaddress import ip_address
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from cryptography.x509 import Name
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

from django_ciba.jose import (
    CAN_ENCRYPT,
    ENCRYPTION_ALGS,
    ENCRYPTION_ENCS,
    BadKey,
    encryption_keys,
    verification_keys,
)
from django_ciba.models import Client
from django_ciba.models.remote_jwks import called_address_problem
from django_ciba.outbound import HOST_NAME
from django_ciba.protocol.legible import shows, stacks_marks
from django_ciba.protocol.names import CIBA_GRANT_TYPE, REFRESH_TOKEN_GRANT_TYPE
from django_ciba.protocol.problems import Problem, shown, under, unknown, unstorable
from django_ciba.protocol.resource import is_resource

Check: TypeAlias = Callable[[Any], Iterator[Problem]]

SECRET_LEAST: Final = 32
SECRET_MOST: Final = 200
# RFC 6749 appendix A.2 allows every printable ASCII character. HTTP Basic carries the secret form-
# urlencoded (§2.3.1), and many clients leave that out: only "%" and "+" then read as another text.
SECRET: Final = re.compile(r"[\x20-\x7E]*")
AMBIGUOUS: Final = "%+"
SCOPE: Final = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+)*")
MOST_TEXT: Final = 2000
# Embeddings, overrides and isolates: they show a text in another order than it is stored in.
BIDI_CONTROLS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
NOT_SHOWN: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
# A browser runs these when somebody clicks them in an admin page.
ACTIVE_SCHEMES: Final = frozenset({"data", "javascript", "vbscript"})


def text(value: Any, *, most: int = MOST_TEXT) -> Generator[Problem, None, bool]:
    """A non-empty string that shows as it is stored. `yield from` says whether it is one."""
    fault = _text_fault(value, most)
    if fault is not None:
        yield Problem("", fault)
    return fault is None


def _text_fault(value: Any, most: int) -> str | None:
    if not isinstance(value, str):
        return "must be a string"
    if not value:
        return "must not be empty: leave it out, or say null"
    if len(value) > most:
        return f"must be at most {most} characters long"
    for character in value:
        if unicodedata.category(character) in NOT_SHOWN or character in BIDI_CONTROLS:
            return f"holds a control character (U+{ord(character):04X})"
    return None


def name_of_a_client(value: Any) -> Iterator[Problem]:
    """RFC 7591 §5: the name that users go by when they are asked shows, and as what it is."""
    faults = list(text(value, most=200))
    yield from faults
    if faults:
        return
    if value.isspace():
        yield Problem("", "must hold something that can be read")
    elif not all(shows(value, at) for at in range(len(value))):
        yield Problem("", "holds an invisible character, or one that no device shows")
    elif stacks_marks(value):
        yield Problem("", "stacks too many marks on one letter")


def boolean(value: Any) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield Problem("", "must be true or false, without quotes")


def one_of(choices: Iterable[str], value: Any) -> Iterator[Problem]:
    allowed = list(choices)
    if not isinstance(value, str) or value not in allowed:
        yield Problem("", f"must be {' or '.join(allowed)}")


def validated(model: type[models.Model], column: str, value: Any) -> Iterator[Problem]:
    """A string that the column's own validators take: the model says it, once."""
    if not (yield from text(value)):
        return
    field: models.Field[Any, Any] = model._meta.get_field(column)  # type: ignore[assignment]
    for validator in field.validators:
        try:
            validator(value)
        except ValidationError:
            if isinstance(validator, RegexValidator):
                yield Problem("", f"must be: {validator.message}")
            else:
                yield Problem("", f"must be at most {field.max_length} characters long")


def called_address(value: Any) -> Iterator[Problem]:
    """RFC 7591 §2, §5, CIBA Core §4: an address that we may call; checked again at each call."""
    if (problem := called_address_problem(value)) is not None:
        yield Problem("", problem)


def grant_types(value: Any) -> Iterator[Problem]:
    """RFC 7591 §2: grants that the token endpoint has, each named once."""
    if value == []:
        yield Problem("", f"must name at least one grant type, as {CIBA_GRANT_TYPE}")
    yield from list_of(partial(one_of, (CIBA_GRANT_TYPE, REFRESH_TOKEN_GRANT_TYPE)), value)


def scope(value: Any) -> Iterator[Problem]:
    """RFC 6749 §3.3: words with one space between them."""
    if not isinstance(value, str) or not SCOPE.fullmatch(value):
        yield Problem("", 'must be words with one space between them, as "openid profile"')
    elif len(value) > 1000:
        yield Problem("", "must be at most 1000 characters long")


def secret(value: Any) -> Iterator[Problem]:
    """RFC 6749 §2.3.1: long, and of characters that HTTP Basic reads one way only."""
    if not isinstance(value, str):
        yield Problem("", "must be a string")
        return
    if not SECRET_LEAST <= len(value) <= SECRET_MOST:
        yield Problem("", f"must be {SECRET_LEAST} to {SECRET_MOST} characters long")
    if not SECRET.fullmatch(value) or any(character in value for character in AMBIGUOUS):
        yield Problem(
            "",
            "must be printable ASCII without % and +: HTTP Basic carries it form-urlencoded, some "
            "clients send it as it is, and other characters would read as two different secrets "
            "(A-Z a-z 0-9 - _ . ~ are always safe)",
        )


def jwks(value: Any) -> Iterator[Problem]:
    """RFC 7517 §5: public keys; every one that is refused is named."""
    yield from unstorable(value)
    whole = _key_fault(value)
    if whole is None:
        return
    keys = value.get("keys") if isinstance(value, Mapping) else None
    single = []
    if isinstance(keys, list) and whole.path:  # else the set itself is at fault
        for index, key in enumerate(keys):
            fault = _key_fault({"keys": [key]})
            if fault is not None:
                single.append(Problem(f"keys[{index}]", fault.message))
    yield from single or [whole]


def _key_fault(value: Any) -> Problem | None:
    try:
        verification_keys(value)
        encryption_keys(value)
    except BadKey as fault:
        path, found, message = fault.reason.partition(": ")
        if found and path.startswith("keys["):
            return Problem(path, message)
        return Problem("", fault.reason)
    return None


def web_address(value: Any) -> Iterator[Problem]:
    """RFC 7591 §2: an address of a web page, that people may follow."""
    yield from _address(value, lambda scheme: scheme in ("https", "http"), "begin with https://")


def redirect_address(value: Any) -> Iterator[Problem]:
    """RFC 6749 §3.1.2: absolute; native applications have schemes of their own. We keep it only."""
    yield from _address(
        value, lambda scheme: scheme and scheme not in ACTIVE_SCHEMES, "be an absolute URI"
    )


def _address(value: Any, takes: Callable[[str], object], what: str) -> Iterator[Problem]:
    if not (yield from text(value)):
        return
    try:
        parts = urlsplit(value)
    except ValueError:
        yield Problem("", "must be a URI")
        return
    if not takes(parts.scheme) or any(character.isspace() for character in value):
        yield Problem("", f"must {what}")


def resource(value: Any) -> Iterator[Problem]:
    """RFC 8707 §2: an absolute URI without a fragment."""
    if (yield from text(value, most=1000)) and not is_resource(value):
        yield Problem("", "must be an absolute URI without a fragment")


def list_of(check: Check, value: Any) -> Iterator[Problem]:
    """RFC 7591 §2: an array of strings, each named once."""
    if not isinstance(value, list):
        yield Problem("", "must be a list of strings")
        return
    for index, each in enumerate(value):
        yield from under(f"[{index}]", check(each))
        if each in value[:index]:
            yield Problem(f"[{index}]", "is named twice")


# --- RFC 8705 §2.1.2: what a certificate is known by ----------------------------------------------


def distinguished_name(value: Any) -> Iterator[Problem]:
    """RFC 4514: the string form of a distinguished name."""
    if not (yield from text(value, most=1000)):
        return
    try:
        Name.from_rfc4514_string(value)
    except (ValueError, Warning):  # a warning is an error where Python was told so
        yield Problem(
            "",
            "must be a distinguished name as RFC 4514 writes it, without spaces after the commas: "
            "CN=rp.example.com,O=Example,C=GE; attributes without a short name go by their number, "
            "as 2.5.4.97=...",
        )


def host_name(value: Any) -> Iterator[Problem]:
    """RFC 5280 §4.2.1.6 dNSName."""
    if (yield from text(value, most=253)) and not HOST_NAME.fullmatch(value.lower()):
        yield Problem("", "must be a host name, as rp.example.com")


def certificate_uri(value: Any) -> Iterator[Problem]:
    """RFC 5280 §4.2.1.6 uniformResourceIdentifier: absolute."""
    if (yield from text(value, most=1000)):
        yield from _address(value, bool, "be an absolute URI")


def certificate_ip(value: Any) -> Iterator[Problem]:
    """RFC 5280 §4.2.1.6 iPAddress."""
    try:
        if not isinstance(value, str) or "%" in value:
            raise ValueError
        ip_address(value)
    except ValueError:
        yield Problem("", "must be an IP address, as 192.0.2.7 or 2001:db8::7")


def certificate_email(value: Any) -> Iterator[Problem]:
    """RFC 5280 §4.2.1.6 rfc822Name."""
    if not (yield from text(value, most=320)):
        return
    local, _, domain = value.rpartition("@")
    if not local or " " in local or not HOST_NAME.fullmatch(domain.lower()):
        yield Problem("", "must be an e-mail address, as ops@rp.example.com")


# --- RFC 7516: encryption -------------------------------------------------------------------------


def encryption(choices: Iterable[str], value: Any) -> Iterator[Problem]:
    """OpenID Connect Registration §2: an algorithm of the extra `[jwe]`, where there is that."""
    if not CAN_ENCRYPT:
        yield Problem("", "needs joserfc on the server: install django-ciba[jwe]")
    else:
        yield from one_of(choices, value)


encryption_alg: Final[Check] = partial(encryption, ENCRYPTION_ALGS)
encryption_enc: Final[Check] = partial(encryption, ENCRYPTION_ENCS)


signing_alg: Final[Check] = partial(one_of, Client.SigningAlg.values)

# RFC 7591 §2, CIBA Core §4, OpenID Connect Registration §2: each is a column of Client.
COLUMNS: Final[Mapping[str, Check]] = {
    "client_id": partial(validated, Client, "client_id"),
    "client_name": name_of_a_client,
    "enabled": boolean,
    "token_endpoint_auth_method": partial(one_of, Client.AuthMethod.values),
    "token_endpoint_auth_signing_alg": partial(one_of, Client.AssertionAlg.values),
    "tls_client_auth_subject_dn": distinguished_name,
    "tls_client_auth_san_dns": host_name,
    "tls_client_auth_san_uri": certificate_uri,
    "tls_client_auth_san_ip": certificate_ip,
    "tls_client_auth_san_email": certificate_email,
    "tls_client_certificate_bound_access_tokens": boolean,
    "dpop_bound_access_tokens": boolean,
    "scope": scope,
    "grant_types": grant_types,
    "jwks": jwks,
    "jwks_uri": called_address,
    "backchannel_token_delivery_mode": partial(one_of, Client.DeliveryMode.values),
    "backchannel_client_notification_endpoint": called_address,
    "backchannel_long_polling": boolean,
    "backchannel_authentication_request_signing_alg": signing_alg,
    "backchannel_user_code_parameter": boolean,
    "two_step_user_code": boolean,
    "require_signed_request_object": boolean,
    "id_token_signed_response_alg": signing_alg,
    "id_token_encrypted_response_alg": encryption_alg,
    "id_token_encrypted_response_enc": encryption_enc,
    "userinfo_signed_response_alg": signing_alg,
    "userinfo_encrypted_response_alg": encryption_alg,
    "userinfo_encrypted_response_enc": encryption_enc,
    "introspection_signed_response_alg": signing_alg,
    "request_object_encryption_alg": encryption_alg,
    "request_object_encryption_enc": encryption_enc,
    "subject_type": partial(one_of, Client.SubjectType.values),
    "sector_identifier_uri": called_address,
    "access_token_format": partial(one_of, Client.AccessTokenFormat.values),
    "authorization_details_types": partial(list_of, partial(text, most=200)),
    "may_introspect": boolean,
    "resource_identifiers": partial(list_of, resource),
    "profile": partial(one_of, Client.Profile.values),
    "issuer_only_audience": boolean,
    "hide_unknown_users": boolean,
}
# RFC 7591 §2, OpenID Connect Registration §2: kept and shown, and nothing depends on them.
INFORMATIONAL: Final[Mapping[str, Check]] = {
    "application_type": partial(one_of, ("web", "native")),
    "client_uri": web_address,
    "contacts": partial(list_of, text),
    "initiate_login_uri": web_address,
    "logo_uri": web_address,
    "policy_uri": web_address,
    "redirect_uris": partial(list_of, redirect_address),
    "software_id": text,
    "software_version": text,
    "tos_uri": web_address,
}
MEMBERS: Final[Mapping[str, Check]] = {**COLUMNS, **INFORMATIONAL, "client_secret": secret}
NEEDED: Final = ("client_id",)


def member_problems(name: str, value: Any) -> Iterator[Problem]:
    """What is wrong with one member by itself. RFC 7592 §2.2: null is as good as left out."""
    check = MEMBERS.get(name)
    if check is None:
        yield Problem("", unknown(name, MEMBERS, "a client"))
    elif value is not None:
        yield from check(value)
    elif name in NEEDED:
        yield Problem("", f"must be a string, not {shown(value)}")
