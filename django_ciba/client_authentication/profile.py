"""What a client's profile asks of every request that it authenticates."""

from typing import Final

from django_ciba.models import Client
from django_ciba.protocol.errors import UnauthorizedClient

FAPI_METHODS: Final = (
    Client.AuthMethod.PRIVATE_KEY_JWT,
    Client.AuthMethod.TLS_CLIENT_AUTH,
    Client.AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH,
)


def the_profile_is_kept(client: Client) -> None:
    """FAPI 1.0 Advanced §5.2.2 (14): no shared secrets; a realm may take such clients alone.

    Registration lets nothing else in, but a realm may have been closed since.
    """
    if client.is_fapi:
        if client.token_endpoint_auth_method not in FAPI_METHODS:
            raise UnauthorizedClient(
                f"the profile fapi-ciba needs one of {', '.join(FAPI_METHODS)}"
            )
    elif client.realm.conf.REQUIRE_FAPI_CIBA:
        raise UnauthorizedClient("this realm takes clients of the profile fapi-ciba alone")
