"""Who is meant: exactly one of three hints (CIBA Core §7.1)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from django_ciba.client_keys import verify_by
from django_ciba.conf import ciba_settings
from django_ciba.hooks import hooks
from django_ciba.jose import (
    ASYMMETRIC_ALGS,
    Expired,
    JoseError,
    audiences,
    not_before,
    not_expired,
    numeric_date,
    parse_json,
    same_audience,
    unverified_claims,
    verify,
)
from django_ciba.models import Client
from django_ciba.protocol.errors import (
    AccessDenied,
    ExpiredLoginHintToken,
    InvalidRequest,
    UnknownUserId,
)
from django_ciba.protocol.hints import (
    MAX_HINT_LENGTH,
    PlainHint,
    SubjectIdentifier,
    UserHint,
    subject_identifier,
)
from django_ciba.protocol.names import HINTS
from django_ciba.protocol.parameters import Parameters

# RFC 8725 §3.11: an access token or another answer of the same issuer's is no hint.
TYPES = ("JWT",)


@dataclass(frozen=True, slots=True)
class Hint:
    """The one hint: which, and its value as it came."""

    name: str
    value: Any


def the_one_hint(parameters: Parameters) -> Hint:
    """CIBA Core §7.1: exactly one of the three hints, decided before any user is looked up."""
    found = [Hint(name, parameters[name]) for name in HINTS if name in parameters]
    if len(found) != 1:
        raise InvalidRequest(f"send exactly one of {', '.join(HINTS)}")
    return found[0]


def hinted_user(hint: Hint, client: Client, now: datetime) -> AbstractBaseUser | None:
    """CIBA Core §7.1: the user whom the hint means, who may sign in now.

    None stands for nobody when the client must not learn that there is nobody
    (`hide_unknown_users`); otherwise UnknownUserId, or AccessDenied for a locked account.
    """
    user = _READERS[hint.name](hint.value, client, now)
    if user is not None and hooks().may_sign_in(user):
        return user
    if client.hide_unknown_users:
        return None
    if user is None:
        raise UnknownUserId(f"{hint.name} names no user here")
    raise AccessDenied("the user's account cannot be used now")


def by_login_hint(value: Any, client: Client, now: datetime) -> AbstractBaseUser | None:
    """CIBA Core §7.1 login_hint: a string, or a subject identifier (RFC 9493) as JSON."""
    return hooks().find_user(_user_hint(value), client)


def by_id_token_hint(value: Any, client: Client, now: datetime) -> AbstractBaseUser | None:
    """CIBA Core §7.1 id_token_hint: an ID token that we gave to this client."""
    realm = client.realm
    try:
        # Our access tokens and introspection answers are signed by the same keys.
        claims = verify(
            _token(value), realm.verification_keys, algs=ASYMMETRIC_ALGS, typ=TYPES
        ).claims
        if numeric_date(claims, "exp") is None:  # so is UserInfo, which has none
            raise InvalidRequest("id_token_hint: claim exp is needed")
        if not realm.conf.ACCEPT_EXPIRED_ID_TOKEN_HINT:
            not_expired(claims, now=now.timestamp(), leeway=ciba_settings.CLOCK_LEEWAY)
        aud = audiences(claims)
    except JoseError as error:
        raise InvalidRequest(f"id_token_hint: {error.reason}") from None
    if claims.get("iss") != realm.issuer or client.client_id not in aud:
        raise InvalidRequest("id_token_hint must be an ID token that this issuer gave this client")
    subject = claims.get("sub")
    return hooks().user_for_subject(subject, client) if isinstance(subject, str) else None


def by_login_hint_token(value: Any, client: Client, now: datetime) -> AbstractBaseUser | None:
    """CIBA Core §7.1 login_hint_token: a JWT of an issuer that the realm trusts.

    It names the user by `sub_id` (RFC 9493), or by `sub` of its own issuer.
    """
    token, moment, leeway = _token(value), now.timestamp(), ciba_settings.CLOCK_LEEWAY
    try:
        issuer = unverified_claims(token)[1].get("iss")
        trusted = [
            each for each in client.realm.conf.TRUSTED_HINT_ISSUERS if each["issuer"] == issuer
        ]
        if not trusted:
            raise InvalidRequest("login_hint_token: its iss is not trusted here")
        claims = verify_by(trusted[0], token, algs=ASYMMETRIC_ALGS, typ=TYPES).claims
        not_expired(claims, now=moment, leeway=leeway)
        not_before(claims, now=moment, leeway=leeway)
        aud = audiences(claims)
    except Expired:
        raise ExpiredLoginHintToken("login_hint_token has expired: get a new one") from None
    except JoseError as error:
        raise InvalidRequest(f"login_hint_token: {error.reason}") from None
    if not any(same_audience(each, ours) for each in aud for ours in client.realm.audiences):
        raise InvalidRequest("login_hint_token: aud must hold the issuer")
    named = claims.get("sub_id")
    if isinstance(named, dict):
        return hooks().find_user(subject_identifier(named), client)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject or "\0" in subject:
        raise InvalidRequest("login_hint_token: sub_id or sub must name the user")
    return hooks().find_user(
        SubjectIdentifier("iss_sub", {"iss": str(issuer), "sub": subject}), client
    )


_READERS = {
    "login_hint": by_login_hint,
    "id_token_hint": by_id_token_hint,
    "login_hint_token": by_login_hint_token,
}


def _user_hint(value: Any) -> UserHint:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = parse_json(value.encode())
        except JoseError as error:
            raise InvalidRequest(f"login_hint: {error.reason}") from None
    if isinstance(value, dict):
        return subject_identifier(value)
    if not isinstance(value, str) or len(value) > MAX_HINT_LENGTH or "\0" in value:
        raise InvalidRequest(
            f"login_hint must be a string of at most {MAX_HINT_LENGTH} characters, or an object"
        )
    return PlainHint(value)


def _token(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidRequest("the hint must be a signed jwt")
    return value
