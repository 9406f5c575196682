"""What clients may register of themselves (RFC 7591 §3, RFC 7592 §2.2), and what they are told."""

import logging
import uuid
from collections.abc import Mapping
from typing import Any, Final

from django_ciba.models import Client, Realm
from django_ciba.models.secrets import new_secret
from django_ciba.outbound import OutboundError, fetch_json
from django_ciba.protocol.problems import Problem

from . import InvalidMetadata, metadata_of, registered
from .members import MEMBERS
from .rules import MODE, NOTIFICATIONS, SECRET_METHODS, USE_THE_KEYS, uses_its_keys

logger = logging.getLogger("django_ciba.client_registration")

# What an operator alone gives: leave to see others' tokens, and what the operator answers for.
OPERATORS_ALONE: Final = frozenset(
    {
        "access_token_format",
        "backchannel_long_polling",
        "enabled",
        "hide_unknown_users",
        "issuer_only_audience",
        "may_introspect",
        "resource_identifiers",
        "two_step_user_code",
    }
)
REGISTRABLE: Final = tuple(
    name for name in MEMBERS if name not in OPERATORS_ALONE | {"client_id", "client_secret"}
)
# RFC 7592 §2.2: "MUST NOT include".
SAID_BY_US: Final = (
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
)
# A request that it made under its own sector would else be answered with a subject of another's.
OTHER_SUBJECTS: Final = (
    "is pairwise, and what its subjects are made from stays as it was registered: subject_type, "
    "the host of sector_identifier_uri (else of jwks_uri, or of where tokens are pushed to), and "
    f"whether {MODE} is push; register another client"
)
DEFAULT_METHOD: Final = Client.AuthMethod.CLIENT_SECRET_BASIC.value


def self_registered(asked: Mapping[str, Any], realm: Realm) -> tuple[Client, str | None]:
    """RFC 7591 §3.1, §3.2.1: the new client that a caller asks for, and its secret if it has one.

    In: the members of the request. Those that we do not know, and those that are an operator's to
    give, are ignored; `client_id` and `client_secret` are made here.
    Out: a client that is not saved.
    Errors: `InvalidMetadata`, with every fault.
    """
    given = {name: asked[name] for name in REGISTRABLE if name in asked}
    given["client_id"] = str(uuid.uuid4())
    secret = None
    if _method(given) in SECRET_METHODS:
        secret = given["client_secret"] = new_secret()
    return registered(given, realm), secret


def self_updated(asked: Mapping[str, Any], client: Client) -> str | None:
    """RFC 7592 §2.2: the client as it asks to be from now on; its secret if it got a new one.

    What is left out gets its default. What is an operator's to give stays as it is.
    Out: the client is changed, and not saved. A new secret is made only where the method needs one
    that is not stored.
    Errors: `InvalidMetadata`, with every fault; the client is then not to be saved.
    """
    known = _its_own_secret(asked, client)
    given = {name: asked.get(name) for name in REGISTRABLE}
    given["client_id"] = client.client_id
    method, secret = _method(given), None
    if method in SECRET_METHODS:
        signs = method == Client.AuthMethod.CLIENT_SECRET_JWT
        kept = client.secret_digest and (known or client.keeps_secret or not signs)
        secret = None if kept else new_secret()
        if found := secret or known:
            given["client_secret"] = found
    before = _made_from(client)
    registered(given, client.realm, existing=client)
    if client.is_pairwise and _made_from(client) != before:
        raise InvalidMetadata([Problem("subject_type", OTHER_SUBJECTS)])
    return secret


def _made_from(client: Client) -> tuple[str, bool] | None:
    """OpenID Connect Core §8.1: what its pairwise subjects are made from, and what proves that."""
    return (client.sector, _is_pushed_to(client)) if client.is_pairwise else None


def _is_pushed_to(client: Client) -> bool:
    return client.backchannel_token_delivery_mode == Client.DeliveryMode.PUSH


def _method(given: Mapping[str, Any]) -> Any:
    method = given.get("token_endpoint_auth_method")
    return DEFAULT_METHOD if method is None else method


def _its_own_secret(asked: Mapping[str, Any], client: Client) -> str | None:
    """RFC 7592 §2.2: the secret that the client sends along, which must be the one it has."""
    problems = [
        Problem(name, "is the provider's to say: leave it out")
        for name in SAID_BY_US
        if name in asked
    ]
    if asked.get("client_id") != client.client_id:
        problems.append(Problem("client_id", "must be there, and be that of this registration"))
    secret = asked.get("client_secret")
    if secret is not None and not (isinstance(secret, str) and client.has_secret(secret)):
        problems.append(
            Problem("client_secret", "is not the one of this client: secrets are made by us")
        )
    if problems:
        raise InvalidMetadata(problems)
    return secret


def in_its_sector(client: Client) -> None:
    """OpenID Connect Registration §5, CIBA Core §4: the sector's list names the client's address.

    Calls the address, so it belongs outside transactions. A client that an operator makes is taken
    at the operator's word.
    Errors: `InvalidMetadata`.
    """
    if not client.is_pairwise or not client.sector_identifier_uri:
        return
    name = "sector_identifier_uri"
    pushed = _is_pushed_to(client)
    where = NOTIFICATIONS if pushed else "jwks_uri"
    address = getattr(client, where)
    if not address:
        raise InvalidMetadata(
            [
                Problem(
                    where, f"is missing: the list at {name} must name it, for {MODE} poll or ping"
                )
            ]
        )
    # Anybody may read whom a list names, and register that address.
    if not pushed and not uses_its_keys(
        client.token_endpoint_auth_method, client.require_signed_request_object
    ):
        raise InvalidMetadata([Problem(where, f"is what the list must name, {USE_THE_KEYS}")])
    try:
        listed = fetch_json(client.sector_identifier_uri)
    except OutboundError as fault:
        logger.info("sector_identifier_uri of %s: %s", client.client_id, fault.reason)
        listed = None
    if not isinstance(listed, list):
        raise InvalidMetadata([Problem(name, "does not lead to a JSON list of URIs")])
    problems = [
        Problem(name, f"leads to a list that does not name {what}")
        for what, uris in (
            (where, [address]),
            ("every one of redirect_uris", client.metadata.get("redirect_uris", [])),
        )
        if any(each not in listed for each in uris)
    ]
    if problems:
        raise InvalidMetadata(problems)


def client_information(
    client: Client, registration_access_token: str, secret: str | None
) -> dict[str, Any]:
    """RFC 7591 §3.2.1, RFC 7592 §3: what the client is told about its registration.

    The secret only when it has just been made: of an older one there is a digest.
    """
    told = {
        name: value
        for name, value in metadata_of(client).items()
        if name in REGISTRABLE or name == "client_id"
    }
    if secret is not None:
        told |= {"client_secret": secret, "client_secret_expires_at": 0}
    return {
        **told,
        "client_id_issued_at": int(client.created_at.timestamp()),
        "registration_access_token": registration_access_token,
        "registration_client_uri": client.realm.endpoint(f"register/{client.client_id}"),
    }
