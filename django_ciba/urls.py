"""The addresses of the provider: include them under any prefix (design §9, protocol §1)."""

from typing import Any

from django.urls import re_path

from django_ciba.endpoints.access_token import TokenEndpoint
from django_ciba.endpoints.authorize import AuthorizationEndpoint
from django_ciba.endpoints.bc_authorize import BackchannelAuthenticationEndpoint
from django_ciba.endpoints.cancel import CancelEndpoint
from django_ciba.endpoints.discovery import DiscoveryEndpoint
from django_ciba.endpoints.introspect import IntrospectionEndpoint
from django_ciba.endpoints.jwk_uri import JwkSetEndpoint
from django_ciba.endpoints.register import (
    ClientConfigurationEndpoint,
    ClientRegistrationEndpoint,
)
from django_ciba.endpoints.revoke import RevocationEndpoint
from django_ciba.endpoints.userinfo import UserInfoEndpoint
from django_ciba.endpoints.wire import WireEndpoint

app_name = "django_ciba"

# Absent for root, or as in the seeds: realms/root/realms/alpha/realms/beta. What else begins with
# realms is ours too, and answered as a realm that is not there.
REALM = r"^(?P<realm>realms/(?:[^/]+/)+)?"


def _address(name: str, endpoint: type[WireEndpoint]) -> Any:
    return re_path(f"{REALM}{name.replace('.', chr(92) + '.')}$", endpoint.as_view(), name=name)


urlpatterns = [
    _address("bc-authorize", BackchannelAuthenticationEndpoint),
    _address("bc-authorize/cancel", CancelEndpoint),
    _address("access_token", TokenEndpoint),
    _address("userinfo", UserInfoEndpoint),
    _address("introspect", IntrospectionEndpoint),
    _address("token/revoke", RevocationEndpoint),
    _address("connect/jwk_uri", JwkSetEndpoint),
    _address("authorize", AuthorizationEndpoint),
    _address("register", ClientRegistrationEndpoint),
    re_path(
        f"{REALM}register/(?P<client_id>[^/]+)$",
        ClientConfigurationEndpoint.as_view(),
        name="register/client_id",
    ),
    _address(".well-known/openid-configuration", DiscoveryEndpoint),
]
