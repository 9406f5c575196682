"""Who is calling: client authentication, one file a method (RFC 6749 §2.3, OIDC Core §9)."""

from collections.abc import Mapping
from typing import Final

from django_ciba.client_authentication.method import Method, Presented
from django_ciba.client_authentication.private_key_jwt import PrivateKeyJwt
from django_ciba.client_authentication.profile import the_profile_is_kept
from django_ciba.client_authentication.secret_basic import ClientSecretBasic
from django_ciba.client_authentication.secret_post import ClientSecretPost
from django_ciba.models import Client, configuration
from django_ciba.protocol.errors import InvalidClient, InvalidRequest

ALL: Final[tuple[Method, ...]] = (ClientSecretBasic(), ClientSecretPost(), PrivateKeyJwt())
METHODS: Final[Mapping[str, Method]] = {method.name: method for method in ALL}

__all__ = ["METHODS", "Method", "Presented", "authenticated_client"]


def authenticated_client(presented: Presented) -> Client:
    """RFC 6749 §2.3: the client, proved by its one registered method.

    Raises InvalidRequest for two methods at once, UnauthorizedClient for a client that does not
    keep to its profile, else InvalidClient.
    """
    used = [method for method in ALL if method.is_used(presented)]
    if len(used) > 1:
        raise InvalidRequest("use one client authentication method, not two")
    if not used:
        raise InvalidClient(f"client authentication is missing: use one of {', '.join(METHODS)}")
    (method,) = used
    client_id = method.client_id(presented)
    named = presented.parameters.text("client_id")
    if named is not None and named != client_id:
        raise InvalidClient("client_id differs from the client that authenticates")
    client = configuration().client(presented.realm, client_id)
    if client is None:
        raise InvalidClient("client authentication failed", log_detail="unknown client")
    if client.token_endpoint_auth_method != method.name:
        raise InvalidClient(
            f"this client is registered for {client.token_endpoint_auth_method}, not {method.name}"
        )
    method.prove(presented, client)
    the_profile_is_kept(client)
    return client
