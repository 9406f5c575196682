"""What a client's profile asks of every request that it authenticates."""

from django_ciba.jose import FAPI_ALGS
from django_ciba.models import Client
from django_ciba.models.client import FAPI_AUTH_METHODS
from django_ciba.protocol.errors import UnauthorizedClient


def the_profile_is_kept(client: Client) -> None:
    """FAPI 1.0 Advanced §5.2.2 (5), (14), §8.6: no shared secrets, bound tokens, strong signatures.

    A realm may insist on the profile. Registration lets nothing else in, but the realm may have
    been closed since, or a row changed.
    """
    if not client.is_fapi:
        if client.realm.conf.REQUIRE_FAPI_CIBA:
            raise UnauthorizedClient("this realm takes clients of the profile fapi-ciba alone")
        return
    if client.token_endpoint_auth_method not in FAPI_AUTH_METHODS:
        raise UnauthorizedClient(f"profile fapi-ciba needs one of {', '.join(FAPI_AUTH_METHODS)}")
    if not client.binds_its_tokens:
        raise UnauthorizedClient("profile fapi-ciba needs tokens bound by certificate or DPoP")
    answers = (
        client.id_token_signed_response_alg,
        client.userinfo_signed_response_alg,
        client.introspection_signed_response_alg,
    )
    if any(alg and alg not in FAPI_ALGS for alg in answers):
        algs = " or ".join(FAPI_ALGS)
        raise UnauthorizedClient(f"profile fapi-ciba needs answers signed by {algs}")
