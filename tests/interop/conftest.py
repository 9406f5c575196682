"""A live site, and clients of it whose keys and calls are those of other people's libraries."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pytest
from jwskate import Jwk

from tests.live_site import LiveSite, realm_document


@dataclass(frozen=True)
class Registered:
    """A client as both sides know it: the realm document, and the library that plays it."""

    client_id: str
    method: str
    alg: str  # of its signed requests and assertions
    id_token_alg: str
    realm: str = "/"
    signed: bool = True
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @cached_property
    def key(self) -> Jwk:
        return Jwk.generate(alg=self.alg).with_kid_thumbprint()

    @property
    def metadata(self) -> dict[str, Any]:
        """RFC 7591, CIBA Core §4."""
        has_secret = self.method != "private_key_jwt"
        public = self.key.public_jwk().with_usage_parameters()
        return {
            "client_id": self.client_id,
            "client_name": self.client_id,
            "client_secret": self.secret if has_secret else None,
            "token_endpoint_auth_method": self.method,
            "scope": "openid profile email",
            "grant_types": ["urn:openid:params:grant-type:ciba", "refresh_token"],
            "jwks": {"keys": [public.to_dict()]},
            "backchannel_token_delivery_mode": "poll",
            "backchannel_authentication_request_signing_alg": self.alg,
            "require_signed_request_object": self.signed,
            "id_token_signed_response_alg": self.id_token_alg,
        }


BASIC = "client_secret_basic"
POST = "client_secret_post"
KEY = "private_key_jwt"

# Between them: every method, every algorithm that we sign with, issuers of both shapes.
CLIENTS: Mapping[str, Registered] = {
    each.client_id: each
    for each in (
        Registered("basic", BASIC, "ES256", id_token_alg="ES256", realm="/alpha"),
        Registered("key", KEY, "PS256", id_token_alg="PS256"),
        Registered("key-es256", KEY, "ES256", id_token_alg="RS256", realm="/alpha"),
        Registered("post", POST, "PS256", id_token_alg="EdDSA"),
        Registered("unsigned", BASIC, "ES256", id_token_alg="ES256", signed=False),
    )
}
USERS = ("alice", "bob", "carol", "dave", "erin", "frank")


@pytest.fixture(scope="session")
def running_site() -> Iterator[LiveSite]:
    """Impatient, so that tests need not be patient: it is the clock that they wait for."""
    clients: dict[str, list[dict[str, Any]]] = {}
    for client in CLIENTS.values():
        clients.setdefault(client.realm, []).append(client.metadata)
    settings = {"polling_interval": 1, "auth_req_id_lifetime_min": 1, "dpop_nonce_required": True}
    documents = [realm_document(realm, clients=clients[realm], **settings) for realm in clients]
    with LiveSite(documents, users=USERS) as site:
        yield site


@pytest.fixture
def site(running_site: LiveSite) -> Iterator[LiveSite]:
    with running_site.telling():
        yield running_site
