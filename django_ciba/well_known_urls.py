"""Discovery where RFC 8414 §3 looks for it: include these at the root of the host, unprefixed.

The well-known name comes before the issuer's path there, so it lies outside the mount of the
provider. What django_ciba.urls has below the mount says the same (OpenID Connect Discovery §4).
"""

from django.urls import re_path

from django_ciba.endpoints.discovery import WellKnownEndpoint

app_name = "django_ciba_well_known"

urlpatterns = [
    re_path(rf"^\.well-known/{name}(?P<issuer_path>/.*)?$", WellKnownEndpoint.as_view(), name=name)
    for name in ("oauth-authorization-server", "openid-configuration")
]
