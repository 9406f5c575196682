"""From client metadata to a `Client` and back: the one path of every way to register one.

RFC 7591 §2, RFC 8705 §2.1.2, RFC 9449 §5.2, RFC 9396 §10, RFC 9701 §6, OpenID Connect Registration
§2 and CIBA Core §4 names, and a few of our own. A member that is left out keeps its value where
the client exists, and has its default where it is new; `null` puts the default back. What a site
itself keeps in `Client.metadata`, under other names, is neither read nor changed here.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django_ciba.conf import CibaSettings
from django_ciba.jose import DEFAULT_ENC
from django_ciba.models import Client, Realm
from django_ciba.models.client import COMPUTED
from django_ciba.protocol.problems import Problem, member, under

from .members import COLUMNS, INFORMATIONAL, MEMBERS, member_problems, validated
from .rules import ENCRYPTION, RULES, SECRET_METHODS, Case

__all__ = [
    "MEMBERS",
    "SECRET_METHODS",
    "InvalidMetadata",
    "metadata_of",
    "metadata_problems",
    "registered",
    "validated",
]


class InvalidMetadata(Exception):
    """RFC 7591 §3.2.2 invalid_client_metadata: `problems` names every fault."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


def metadata_problems(
    metadata: object,
    conf: CibaSettings,
    *,
    existing: Client | None = None,
    details_types: Collection[str] = (),
) -> Iterator[Problem]:
    """RFC 7591 §2, CIBA Core §4: every fault of a client's metadata.

    In: the parsed JSON; the settings of the client's realm, and the types of authorization details
    that it knows; the client that is there already, if one is. To look at a stored client, give
    `metadata_of(client)` and itself as `existing`.
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
    case = Case(
        given=metadata,
        whole=_whole(metadata, conf, existing),
        conf=conf,
        details_types=details_types,
        has_secret=existing is not None and bool(existing.secret_digest),
        knows_secret=existing is not None and existing.keeps_secret,
    )
    for members, rule in RULES:
        if faulty.isdisjoint(members):
            yield from rule(case)


def registered(metadata: object, realm: Realm, *, existing: Client | None = None) -> Client:
    """A new client of that realm, or the existing one changed; the caller saves.

    Errors: `InvalidMetadata` for what `metadata_problems` finds; `existing` is then unchanged.
    """
    problems = list(
        metadata_problems(
            metadata,
            realm.conf,
            existing=existing,
            details_types=_details_types(metadata, realm, existing),
        )
    )
    if problems or not isinstance(metadata, Mapping):
        raise InvalidMetadata(problems)
    whole = _whole(metadata, realm.conf, existing)
    client, unset = existing or Client(realm=realm), Client()
    for name in COLUMNS:
        setattr(client, name, whole[name] if name in whole else getattr(unset, name))
    own = {name: value for name, value in client.metadata.items() if name not in INFORMATIONAL}
    client.metadata = own | {name: whole[name] for name in INFORMATIONAL if name in whole}
    _keep_secret(client, metadata.get("client_secret"))
    for computed in COMPUTED:  # from what has just changed
        client.__dict__.pop(computed, None)
    return client


def _details_types(metadata: object, realm: Realm, existing: Client | None) -> Collection[str]:
    """The realm's types of authorization details, read only where the client has some."""
    named = existing is not None and existing.authorization_details_types
    if isinstance(metadata, Mapping):
        named = named or metadata.get("authorization_details_types")
    return realm.details_types if named else ()


def _keep_secret(client: Client, given: str | None) -> None:
    """Hold of the client's secret what its method needs, and nothing of one that has no use."""
    method, methods = client.token_endpoint_auth_method, Client.AuthMethod
    if method not in SECRET_METHODS:
        # or an old secret would be good again after the way back
        client.secret_digest = client.secret_encrypted = ""
        return
    kept = client.secret_digest and (method != methods.CLIENT_SECRET_JWT or client.keeps_secret)
    if given is not None and not (kept and client.has_secret(given)):
        client.set_secret(given)
    elif method != methods.CLIENT_SECRET_JWT:
        client.secret_encrypted = ""


def metadata_of(client: Client) -> dict[str, Any]:
    """RFC 7591 §3.2.1: the client's metadata, without a secret and without what is unset."""
    columns = {name: getattr(client, name) for name in COLUMNS}
    set_ones = {
        name: str(value) if isinstance(value, str) else value
        for name, value in columns.items()
        if value not in (None, "", [])
    }
    kept = {name: client.metadata[name] for name in INFORMATIONAL if name in client.metadata}
    return set_ones | kept


def _defaults(conf: CibaSettings) -> dict[str, Any]:
    """What is left out: the model's defaults, as far as the realm can do with them."""
    defaults = metadata_of(Client())
    if conf.REQUIRE_FAPI_CIBA:
        defaults["profile"] = Client.Profile.FAPI_CIBA.value
    if defaults["id_token_signed_response_alg"] not in conf.SIGNING_ALGS:
        defaults["id_token_signed_response_alg"] = conf.SIGNING_ALGS[0]
    return defaults


def _whole(given: Mapping[str, Any], conf: CibaSettings, existing: Client | None) -> dict[str, Any]:
    """The metadata as it will be: defaults, then what is stored, then what is given."""
    defaults = _defaults(conf)
    whole = metadata_of(existing) if existing else dict(defaults)
    for one, other in (("jwks", "jwks_uri"), ("jwks_uri", "jwks")):
        if given.get(one) is not None and other not in given:
            whole.pop(other, None)  # they exclude each other, so the new one replaces the old
    for prefix in ENCRYPTION:
        if f"{prefix}_alg" in given and f"{prefix}_enc" not in given:
            whole.pop(f"{prefix}_enc", None)  # it goes, and comes, with its alg
    for name, value in given.items():
        if value is not None:
            whole[name] = value
        elif name in defaults:
            whole[name] = defaults[name]
        else:
            whole.pop(name, None)
    for prefix in ENCRYPTION:
        if f"{prefix}_alg" in whole:
            whole.setdefault(f"{prefix}_enc", DEFAULT_ENC)
    return whole
