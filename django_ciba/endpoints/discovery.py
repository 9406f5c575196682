"""GET <realm>/.well-known/openid-configuration (OpenID Connect Discovery §3, CIBA Core §4).

Computed from the tables that the code itself uses, so it promises what is there.
"""

import json
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from django_ciba.client_authentication import METHODS
from django_ciba.conf import ciba_settings
from django_ciba.delivery import MODES
from django_ciba.endpoints.wire import WireEndpoint, json_response
from django_ciba.grants import GRANTS
from django_ciba.hooks import hooks
from django_ciba.jose import ASYMMETRIC_ALGS
from django_ciba.models import Realm, SigningKey, configuration
from django_ciba.protocol.names import SCOPE_CLAIMS


class DiscoveryEndpoint(WireEndpoint):
    def get(self, request: Request, realm: str = "") -> HttpResponse:
        found = self.realm()
        memo = configuration().memo
        key = ("discovery", found.pk, ciba_settings.ISSUER, ciba_settings.AUTHORIZATION_ENDPOINT)
        if key not in memo:
            memo[key] = json.dumps(provider_metadata(found)).encode()
        return json_response(memo[key])


def provider_metadata(realm: Realm) -> dict[str, Any]:
    """OpenID Connect Discovery §3: everything that is true of this realm, and nothing else."""
    scopes = list(realm.conf.SCOPES)
    of_scopes = {claim for scope in scopes for claim in SCOPE_CLAIMS.get(scope, ())}
    claims = {"sub", "subname"} | of_scopes & set(hooks().claims_supported)
    signing = {key.alg for key in realm.keys if key.state == SigningKey.State.CURRENT}
    metadata: dict[str, Any] = {
        "issuer": realm.issuer,
        "authorization_endpoint": ciba_settings.AUTHORIZATION_ENDPOINT
        or realm.endpoint("authorize"),
        "token_endpoint": realm.endpoint("access_token"),
        "userinfo_endpoint": realm.endpoint("userinfo"),
        "jwks_uri": realm.endpoint("connect/jwk_uri"),
        "backchannel_authentication_endpoint": realm.endpoint("bc-authorize"),
        "backchannel_token_delivery_modes_supported": [str(mode) for mode in MODES],
        "backchannel_authentication_request_signing_alg_values_supported": list(ASYMMETRIC_ALGS),
        "backchannel_user_code_parameter_supported": True,
        "grant_types_supported": list(GRANTS),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": sorted(signing),
        "token_endpoint_auth_methods_supported": list(METHODS),
        "token_endpoint_auth_signing_alg_values_supported": list(ASYMMETRIC_ALGS),
        "claims_supported": sorted(claims),
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }
    if realm.mapping:
        metadata["acr_values_supported"] = [mapped.acr for mapped in realm.mapping]
    return metadata
