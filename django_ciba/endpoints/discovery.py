"""GET <realm>/.well-known/openid-configuration (OpenID Connect Discovery §3, CIBA Core §4).

Computed from the tables that the code itself uses, so it promises what is there.
"""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from django.http import HttpResponse
from rest_framework.request import Request

from django_ciba.client_authentication import offered_methods
from django_ciba.conf import ciba_settings
from django_ciba.delivery import offered_modes
from django_ciba.endpoints.wire import NoSuchRealm, WireEndpoint
from django_ciba.grants import GRANTS
from django_ciba.hooks import hooks, supported_claims
from django_ciba.jose import (
    ASYMMETRIC_ALGS,
    CAN_ENCRYPT,
    ENCRYPTION_ALGS,
    ENCRYPTION_ENCS,
    FAPI_ALGS,
    MAC_ALGS,
)
from django_ciba.models import Client, Realm, SigningKey, configuration
from django_ciba.wire import json_response

OF_MUTUAL_TLS: Final = (
    "CLIENT_CERTIFICATE_HEADER",
    "CLIENT_CERTIFICATE_VERIFIED_HEADER",
    "MTLS_ENDPOINTS",
)
# RFC 8705 §5: where a client may show its certificate, to authenticate or to use a bound token.
WITH_CERTIFICATE: Final = (
    "token_endpoint",
    "backchannel_authentication_endpoint",
    "userinfo_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
)


class DiscoveryEndpoint(WireEndpoint):
    def get(self, request: Request, realm: str = "") -> HttpResponse:
        return json_response(metadata_of(self.realm()))


class WellKnownEndpoint(DiscoveryEndpoint):
    """RFC 8414 §3: the same, where the issuer's path follows the well-known name."""

    def get(self, request: Request, realm: str = "", issuer_path: str = "") -> HttpResponse:
        return super().get(request)

    def realm(self) -> Realm:
        """The realm whose issuer has that path. Raises NoSuchRealm.

        Where several have it, on several hosts, the host that was asked is the issuer's.
        """
        path = self.kwargs.get("issuer_path") or ""
        named = [
            (parts.netloc, each)
            for each in configuration().realms().values()
            if (parts := urlsplit(each.issuer)).path == path
        ]
        if len(named) > 1:
            named = [each for each in named if each[0] == self.request._request.get_host()]
        if len(named) != 1:
            raise NoSuchRealm("no issuer here has that path")
        return named[0][1]


def subject_types() -> list[str]:
    """OpenID Connect Core §8: pairwise where there is something to make such subjects with."""
    types = [Client.SubjectType.PUBLIC]
    if ciba_settings.PAIRWISE_SALT:
        types.append(Client.SubjectType.PAIRWISE)
    return [str(each) for each in types]


def metadata_of(realm: Realm) -> bytes:
    """The realm's metadata as JSON, made once for each version of the configuration."""
    memo = configuration().memo
    pairwise = bool(ciba_settings.PAIRWISE_SALT)
    site = (ciba_settings.ISSUER, ciba_settings.AUTHORIZATION_ENDPOINT, pairwise)
    mutual = [getattr(ciba_settings, name) for name in OF_MUTUAL_TLS]
    key = ("discovery", realm.pk, *site, *mutual)
    if key not in memo:
        memo[key] = json.dumps(provider_metadata(realm)).encode()
    found: bytes = memo[key]
    return found


def provider_metadata(realm: Realm) -> dict[str, Any]:
    """OpenID Connect Discovery §3: everything that is true of this realm, and nothing else."""
    scopes = list(realm.conf.SCOPES)
    claims = {"sub", "subname", "acr", "auth_time"} | supported_claims(realm)
    current = {key.alg for key in realm.keys if key.state == SigningKey.State.CURRENT}
    fapi = realm.conf.REQUIRE_FAPI_CIBA
    client_algs = FAPI_ALGS if fapi else ASYMMETRIC_ALGS
    authentication_algs = [*client_algs] if fapi else [*client_algs, *MAC_ALGS]
    signing = sorted(current & set(ASYMMETRIC_ALGS))
    metadata: dict[str, Any] = {
        "issuer": realm.issuer,
        "authorization_endpoint": ciba_settings.AUTHORIZATION_ENDPOINT
        or realm.endpoint("authorize"),
        "token_endpoint": realm.endpoint("access_token"),
        "userinfo_endpoint": realm.endpoint("userinfo"),
        "introspection_endpoint": realm.endpoint("introspect"),
        "revocation_endpoint": realm.endpoint("token/revoke"),
        "jwks_uri": realm.endpoint("connect/jwk_uri"),
        "backchannel_authentication_endpoint": realm.endpoint("bc-authorize"),
        "backchannel_token_delivery_modes_supported": offered_modes(realm.conf),
        "backchannel_authentication_request_signing_alg_values_supported": list(client_algs),
        "backchannel_user_code_parameter_supported": True,
        "grant_types_supported": list(GRANTS),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "subject_types_supported": subject_types(),
        "id_token_signing_alg_values_supported": signing,
        "userinfo_signing_alg_values_supported": signing,
        "introspection_signing_alg_values_supported": signing,
        "dpop_signing_alg_values_supported": list(client_algs),
        "claims_supported": sorted(claims),
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }
    for endpoint in ("token_endpoint", "introspection_endpoint", "revocation_endpoint"):
        metadata[f"{endpoint}_auth_methods_supported"] = list(offered_methods(realm))
        metadata[f"{endpoint}_auth_signing_alg_values_supported"] = authentication_algs
    if realm.conf.REGISTRATION != "off":
        metadata["registration_endpoint"] = realm.endpoint("register")
    if realm.details_types:
        metadata["authorization_details_types_supported"] = sorted(realm.details_types)
    if realm.mapping:
        metadata["acr_values_supported"] = [mapped.acr for mapped in realm.mapping]
    if "verified_claims" in claims:
        metadata |= {"verified_claims_supported": True, **hooks().verified_claims_metadata}
    return metadata | mutual_tls(realm, metadata) | encryption(realm)


def encryption(realm: Realm) -> dict[str, list[str]]:
    """OpenID Connect Discovery §3: what is encrypted, where the extra that can is installed."""
    if not CAN_ENCRYPT:
        return {}
    algs = {"id_token": [*ENCRYPTION_ALGS], "userinfo": [*ENCRYPTION_ALGS]}
    if to_us := sorted({key.alg for key in realm.decryption_keys}):
        algs["request_object"] = to_us
    return {
        f"{what}_encryption_{kind}_values_supported": values
        for what, of_it in algs.items()
        for kind, values in (("alg", of_it), ("enc", [*ENCRYPTION_ENCS]))
    }


def mutual_tls(realm: Realm, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 8705 §3.3, §5: what is said where client certificates are taken, and else nothing."""
    if ciba_settings.CLIENT_CERTIFICATE_HEADER is None:
        return {}
    said: dict[str, Any] = {"tls_client_certificate_bound_access_tokens": True}
    there = realm.mtls_address
    if there is not None:
        said["mtls_endpoint_aliases"] = {
            name: there + metadata[name].removeprefix(realm.address)
            for name in WITH_CERTIFICATE
            if name in metadata
        }
    return said
