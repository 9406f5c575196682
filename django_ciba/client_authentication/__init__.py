"""Who is calling: client authentication, one file a method (RFC 6749 §2.3, OIDC Core §9)."""

from collections.abc import Mapping
from typing import Final

from django_ciba.client_authentication.certificate import CertificateMethod
from django_ciba.client_authentication.method import Method, Presented
from django_ciba.client_authentication.private_key_jwt import PrivateKeyJwt
from django_ciba.client_authentication.profile import the_profile_is_kept
from django_ciba.client_authentication.secret_basic import ClientSecretBasic
from django_ciba.client_authentication.secret_jwt import ClientSecretJwt
from django_ciba.client_authentication.secret_post import ClientSecretPost
from django_ciba.client_authentication.self_signed_tls_client_auth import SelfSignedTlsClientAuth
from django_ciba.client_authentication.tls_client_auth import TlsClientAuth
from django_ciba.models import Client, Realm, configuration
from django_ciba.models.client import FAPI_AUTH_METHODS
from django_ciba.protocol.errors import InvalidClient, InvalidRequest

ALL: Final[tuple[Method, ...]] = (
    ClientSecretBasic(),
    ClientSecretPost(),
    PrivateKeyJwt(),
    ClientSecretJwt(),
    TlsClientAuth(),
    SelfSignedTlsClientAuth(),
)
METHODS: Final[Mapping[str, Method]] = {method.name: method for method in ALL}

__all__ = ["METHODS", "Method", "Presented", "authenticated_client", "offered_methods"]


def offered_methods(realm: Realm) -> tuple[str, ...]:
    """RFC 8414 §2 (token_endpoint_auth_methods_supported): what site and realm are set up for."""
    offered = tuple(method.name for method in ALL if method.offered)
    if realm.conf.REQUIRE_FAPI_CIBA:
        return tuple(name for name in offered if name in FAPI_AUTH_METHODS)
    return offered


def authenticated_client(presented: Presented) -> Client:
    """RFC 6749 §2.3: the client, proved by its one registered method.

    Raises InvalidRequest for two methods at once, UnauthorizedClient for a client that does not
    keep to its profile, else InvalidClient.
    """
    used = _the_methods_used(presented)
    client_id = used[0].client_id(presented)
    named = presented.parameters.text("client_id")
    if named is not None and named != client_id:
        raise InvalidClient("client_id differs from the client that authenticates")
    client = configuration().client(presented.realm, client_id)
    if client is None:
        raise InvalidClient("client authentication failed", log_detail="unknown client")
    method = METHODS.get(client.token_endpoint_auth_method)
    if method is None or method not in used:
        raise InvalidClient(
            f"this client is registered for {client.token_endpoint_auth_method}, "
            f"not {' or '.join(each.name for each in used)}"
        )
    method.prove(presented, client)
    the_profile_is_kept(client)
    return client


def _the_methods_used(presented: Presented) -> list[Method]:
    """RFC 6749 §2.3: those that look at the one credential that was sent.

    A certificate beside another credential is no second method: tokens are bound to it (RFC 8705
    §3). Raises InvalidRequest for two credentials, InvalidClient for none.
    """
    used = [method for method in ALL if method.is_used(presented)]
    used = [each for each in used if not isinstance(each, CertificateMethod)] or used
    if not used:
        offered = ", ".join(offered_methods(presented.realm))
        raise InvalidClient(f"client authentication is missing: use one of {offered}")
    if len({method.credential for method in used}) > 1:
        raise InvalidRequest("use one client authentication method, not two")
    return used
