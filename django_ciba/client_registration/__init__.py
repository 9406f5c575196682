"""From client metadata to a `Client` and back: the one path of import, commands and admin.

RFC 7591 §2 and CIBA Core §4 names, and our own `issuer_only_audience`, `hide_unknown_users`,
`enabled`. A member that is left out keeps its value where the client exists, and has its default
where it is new; `null` puts the default back. What a site itself keeps in `Client.metadata`, under
other names, is neither read nor changed here.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django_ciba.conf import CibaSettings
from django_ciba.jose import BadKey, VerificationKey, verification_keys
from django_ciba.models import Client, Realm
from django_ciba.protocol.names import OPENID_SCOPE

from .members import COLUMNS, INFORMATIONAL, MEMBERS, member_problems, validated
from .problems import (
    Problem,
    joined,
    member,
    shown,
    too_deep,
    under,
    unknown,
    unstorable,
    values,
)

__all__ = [
    "MEMBERS",
    "SECRET_METHODS",
    "InvalidMetadata",
    "Problem",
    "joined",
    "member",
    "metadata_of",
    "metadata_problems",
    "registered",
    "shown",
    "too_deep",
    "under",
    "unknown",
    "unstorable",
    "validated",
    "values",
]

SECRET_METHODS: Final = (
    Client.AuthMethod.CLIENT_SECRET_BASIC,
    Client.AuthMethod.CLIENT_SECRET_POST,
    Client.AuthMethod.CLIENT_SECRET_JWT,
)


class InvalidMetadata(Exception):
    """RFC 7591 §3.2.2 invalid_client_metadata: `problems` names every fault."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class _Case:
    """What the rules between members look at: as given, and as it will be."""

    given: Mapping[str, Any]
    whole: Mapping[str, Any]
    conf: CibaSettings
    has_secret: bool

    @property
    def method(self) -> str:
        return str(self.whole["token_endpoint_auth_method"])

    def keys(self) -> tuple[VerificationKey, ...]:
        """The inline keys; none when there is no `jwks`, or one that somebody stored broken."""
        try:
            return verification_keys(self.whole["jwks"]) if self.whole.get("jwks") else ()
        except BadKey:
            return ()


def metadata_problems(
    metadata: object, conf: CibaSettings, *, existing: Client | None = None
) -> Iterator[Problem]:
    """RFC 7591 §2, CIBA Core §4: every fault of a client's metadata.

    In: the parsed JSON; the settings of the client's realm; the client that is there already, if
    one is. To look at a stored client, give `metadata_of(client)` and itself as `existing`.
    Out: path and message of each fault; none when `registered` will take it.
    """
    if not isinstance(metadata, Mapping):
        yield Problem("", "must be an object")
        return
    faulty = set()
    for name, value in metadata.items():
        for problem in under(member(name), member_problems(str(name), value)):
            faulty.add(str(name))
            yield problem
    case = _Case(
        given=metadata,
        whole=_whole(metadata, existing),
        conf=conf,
        has_secret=existing is not None and bool(existing.secret_digest),
    )
    for members, rule in RULES:
        if faulty.isdisjoint(members):
            yield from rule(case)


def registered(metadata: object, realm: Realm, *, existing: Client | None = None) -> Client:
    """A new client of that realm, or the existing one changed; the caller saves.

    Errors: `InvalidMetadata` for what `metadata_problems` finds; `existing` is then unchanged.
    """
    problems = list(metadata_problems(metadata, realm.conf, existing=existing))
    if problems or not isinstance(metadata, Mapping):
        raise InvalidMetadata(problems)
    whole = _whole(metadata, existing)
    client = existing or Client(realm=realm)
    for name in COLUMNS:
        field = Client._meta.get_field(name)
        setattr(client, name, whole.get(name, None if field.null else ""))
    own = {name: value for name, value in client.metadata.items() if name not in INFORMATIONAL}
    client.metadata = own | {name: whole[name] for name in INFORMATIONAL if name in whole}
    secret = metadata.get("client_secret")
    if client.token_endpoint_auth_method not in SECRET_METHODS:
        client.secret_digest = client.secret_encrypted = (
            ""  # or an old secret would be good again after the way back
        )
    elif secret is not None and not client.has_secret(secret):
        client.set_secret(secret)
    for kept in ("inline_keys", "scopes"):  # computed once from what has just changed
        client.__dict__.pop(kept, None)
    return client


def metadata_of(client: Client) -> dict[str, Any]:
    """RFC 7591 §3.2.1: the client's metadata, without a secret and without what is unset."""
    columns = {name: getattr(client, name) for name in COLUMNS}
    set_ones = {
        name: str(value) if isinstance(value, str) else value
        for name, value in columns.items()
        if value is not None and value != ""
    }
    kept = {name: client.metadata[name] for name in INFORMATIONAL if name in client.metadata}
    return set_ones | kept


def _whole(given: Mapping[str, Any], existing: Client | None) -> dict[str, Any]:
    """The metadata as it will be: defaults, then what is stored, then what is given."""
    defaults = metadata_of(Client())
    whole = metadata_of(existing) if existing else dict(defaults)
    for one, other in (("jwks", "jwks_uri"), ("jwks_uri", "jwks")):
        if given.get(one) is not None and other not in given:
            whole.pop(other, None)  # they exclude each other, so the new one replaces the old
    for name, value in given.items():
        if value is not None:
            whole[name] = value
        elif name in defaults:
            whole[name] = defaults[name]
        else:
            whole.pop(name, None)
    return whole


# --- rules between members, each run when those that it reads are sound --------------------------


def a_client_id(case: _Case) -> Iterator[Problem]:
    """RFC 6749 §2.2: a client has a name."""
    if not case.whole.get("client_id"):
        yield Problem("client_id", "is missing")


def a_client_id_that_basic_can_carry(case: _Case) -> Iterator[Problem]:
    """RFC 7617 §2: HTTP Basic ends the name at the first colon."""
    basic = case.method == Client.AuthMethod.CLIENT_SECRET_BASIC
    if basic and ":" in case.whole.get("client_id", ""):
        yield Problem(
            "client_id",
            "holds a colon, where HTTP Basic ends the name: choose another client_id, or "
            "another token_endpoint_auth_method",
        )


def a_secret_for_the_methods_that_use_one(case: _Case) -> Iterator[Problem]:
    """RFC 6749 §2.3.1."""
    given = case.given.get("client_secret")
    if case.method not in SECRET_METHODS:
        if given is not None:
            yield Problem("client_secret", f"has no use with {case.method}: leave it out")
    elif given is None and ("client_secret" in case.given or not case.has_secret):
        yield Problem(
            "client_secret", f"is missing: {case.method} needs one of at least 32 characters"
        )


def one_source_of_keys(case: _Case) -> Iterator[Problem]:
    """RFC 7591 §2: jwks and jwks_uri must not both be present."""
    if case.whole.get("jwks") is not None and case.whole.get("jwks_uri") is not None:
        yield Problem("jwks_uri", "stands beside jwks: give one of the two")


def keys_where_something_is_signed(case: _Case) -> Iterator[Problem]:
    """CIBA Core §4, §7.1.1: what the client signs is verified with its registered keys."""
    if case.whole.get("jwks_uri") is not None or case.keys():
        return
    problem = "is missing" if case.whole.get("jwks") is None else "holds no key for signatures"
    if case.method == Client.AuthMethod.PRIVATE_KEY_JWT:
        yield Problem("jwks", f"{problem}: private_key_jwt needs jwks or jwks_uri")
    elif case.whole["require_signed_request_object"]:
        yield Problem(
            "jwks",
            f"{problem}: signed requests need jwks or jwks_uri; for a client that does not sign, "
            "set require_signed_request_object to false",
        )


def a_key_for_each_registered_alg(case: _Case) -> Iterator[Problem]:
    """RFC 8725 §3.1: an algorithm that none of the keys can make could never be used."""
    names = ["backchannel_authentication_request_signing_alg"]
    if case.method == Client.AuthMethod.PRIVATE_KEY_JWT:
        names.append("token_endpoint_auth_signing_alg")
    keys = case.keys()
    for name in names:
        alg = case.whole.get(name)
        if alg and keys and not any(alg in key.algs for key in keys):
            yield Problem(name, f"is {alg}, and no key in jwks is for that")


def openid_and_scopes_of_the_realm(case: _Case) -> Iterator[Problem]:
    """CIBA Core §7.1: openid must be asked for, so it must be allowed."""
    scopes = case.whole["scope"].split(" ")
    if OPENID_SCOPE not in scopes:
        yield Problem("scope", "must hold openid")
    known = case.conf.SCOPES
    for each in dict.fromkeys(scopes):
        if each not in known and each != OPENID_SCOPE:
            yield Problem("scope", f"{each} is not a scope of this realm ({' '.join(known)})")


def an_id_token_alg_of_the_realm(case: _Case) -> Iterator[Problem]:
    """OpenID Connect Registration §2: an algorithm that the realm has a key for."""
    alg = case.whole["id_token_signed_response_alg"]
    if alg not in case.conf.SIGNING_ALGS:
        yield Problem(
            "id_token_signed_response_alg",
            f"is {alg}, and this realm signs with {', '.join(case.conf.SIGNING_ALGS)} "
            "(signing_algs)",
        )


_METHOD: Final = "token_endpoint_auth_method"
RULES: Final[tuple[tuple[frozenset[str], Callable[[_Case], Iterator[Problem]]], ...]] = (
    (frozenset({"client_id"}), a_client_id),
    (frozenset({"client_id", _METHOD}), a_client_id_that_basic_can_carry),
    (frozenset({"client_secret", _METHOD}), a_secret_for_the_methods_that_use_one),
    (frozenset({"jwks", "jwks_uri"}), one_source_of_keys),
    (
        frozenset({"jwks", "jwks_uri", _METHOD, "require_signed_request_object"}),
        keys_where_something_is_signed,
    ),
    (
        frozenset(
            {
                "jwks",
                _METHOD,
                "backchannel_authentication_request_signing_alg",
                "token_endpoint_auth_signing_alg",
            }
        ),
        a_key_for_each_registered_alg,
    ),
    (frozenset({"scope"}), openid_and_scopes_of_the_realm),
    (frozenset({"id_token_signed_response_alg"}), an_id_token_alg_of_the_realm),
)
