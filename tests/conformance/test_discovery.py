"""Addresses, realms, discovery, JWKS and the authorize page (protocol §1, §7)."""

from typing import Any

import pytest
from django.test import Client as HttpClient

from django_ciba.jose import ENCRYPTION_ALGS, ENCRYPTION_ENCS, PrivateKey
from django_ciba.models import Realm, SigningKey
from tests.conformance.conftest import ISSUER, RelyingParties
from tests.provider import approve, make_realm

DISCOVERY = ".well-known/openid-configuration"
ALPHA = "/oauth2/realms/root/realms/alpha/"
AUTHENTICATION = {
    "auth_methods_supported": [
        "client_secret_basic", "client_secret_post", "private_key_jwt", "client_secret_jwt",
    ],
    "auth_signing_alg_values_supported": ["ES256", "PS256", "RS256", "EdDSA", "HS256"],
}  # fmt: skip


def metadata(client: HttpClient, mount: str = "/oauth2/") -> dict[str, Any]:
    answer = client.get(mount + DISCOVERY)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "application/json"
    found = answer.json()
    assert isinstance(found, dict)
    return found


@pytest.mark.requirement("OIDC Discovery", "3")
@pytest.mark.requirement("CIBA Core", "4")
def test_discovery_says_everything_that_is_true_and_nothing_else(
    client: HttpClient, realm: Realm
) -> None:
    assert metadata(client) == {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/access_token",
        "userinfo_endpoint": f"{ISSUER}/userinfo",
        "introspection_endpoint": f"{ISSUER}/introspect",
        "revocation_endpoint": f"{ISSUER}/token/revoke",
        "jwks_uri": f"{ISSUER}/connect/jwk_uri",
        "backchannel_authentication_endpoint": f"{ISSUER}/bc-authorize",
        "backchannel_token_delivery_modes_supported": ["poll", "ping"],
        "backchannel_authentication_request_signing_alg_values_supported": [
            "ES256", "PS256", "RS256", "EdDSA",
        ],
        "backchannel_user_code_parameter_supported": True,
        "grant_types_supported": ["urn:openid:params:grant-type:ciba", "refresh_token"],
        "scopes_supported": ["openid", "profile", "email", "phone", "address"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "EdDSA", "PS256", "RS256"],
        "userinfo_signing_alg_values_supported": ["ES256", "EdDSA", "PS256", "RS256"],
        "introspection_signing_alg_values_supported": ["ES256", "EdDSA", "PS256", "RS256"],
        **{
            f"{endpoint}_endpoint_{name}": value
            for endpoint in ("token", "introspection", "revocation")
            for name, value in AUTHENTICATION.items()
        },
        **{
            f"{what}_encryption_{name}_values_supported": values
            for what in ("id_token", "userinfo")
            for name, values in (("alg", [*ENCRYPTION_ALGS]), ("enc", [*ENCRYPTION_ENCS]))
        },
        "acr_values_supported": ["push"],
        "claims_supported": metadata(client)["claims_supported"],
        "dpop_signing_alg_values_supported": ["ES256", "PS256", "RS256", "EdDSA"],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }  # fmt: skip
    assert metadata(client)["claims_supported"] == [
        "acr", "auth_time", "email", "family_name", "given_name", "name", "phone_number",
        "preferred_username", "sub", "subname",
    ]  # fmt: skip


@pytest.mark.requirement("OIDC Discovery", "4.3")
@pytest.mark.usefixtures("realm")
def test_every_announced_address_answers(client: HttpClient) -> None:
    for name, value in metadata(client).items():
        if name.endswith(("_endpoint", "_uri")):
            path = str(value).removeprefix("https://op.example.com")
            assert client.options(path).status_code == 405, name


@pytest.mark.requirement("OIDC Discovery", "4")
def test_a_nested_realm_has_its_own_issuer_keys_and_addresses(
    client: HttpClient, realm: Realm
) -> None:
    alpha = make_realm("alpha", realm)
    beta = make_realm("beta", alpha)
    assert beta.path == "/alpha/beta"
    found = metadata(client, f"{ALPHA}realms/beta/")
    assert found["issuer"] == f"{ISSUER}/realms/root/realms/alpha/realms/beta"
    assert found["token_endpoint"] == f"{found['issuer']}/access_token"
    kids = [
        {key["kid"] for key in client.get(f"{mount}connect/jwk_uri").json()["keys"]}
        for mount in ("/oauth2/", ALPHA, f"{ALPHA}realms/beta/")
    ]
    assert kids[0].isdisjoint(kids[1])
    assert kids[1].isdisjoint(kids[2])


@pytest.mark.requirement("OIDC Discovery", "4")
@pytest.mark.usefixtures("realm")
def test_the_root_realm_answers_by_its_long_path_too(client: HttpClient) -> None:
    assert metadata(client, "/oauth2/realms/root/") == metadata(client)


@pytest.mark.requirement("Protocol", "1")
@pytest.mark.usefixtures("realm")
@pytest.mark.parametrize(
    "path",
    ["realms/root/realms/nowhere/", "realms/root/realms/nowhere/realms/below/"],
)
def test_an_unknown_realm_is_404_as_json(client: HttpClient, path: str) -> None:
    answer = client.get(f"/oauth2/{path}{DISCOVERY}")
    assert answer.status_code == 404
    assert answer.json()["error_description"] == "there is no such realm"


@pytest.mark.requirement("Protocol", "1")
def test_a_disabled_realm_and_all_below_it_are_gone(client: HttpClient, realm: Realm) -> None:
    alpha = make_realm("alpha", realm)
    make_realm("beta", alpha)
    alpha.enabled = False
    alpha.save()
    assert client.get(ALPHA + DISCOVERY).status_code == 404
    assert client.get(f"{ALPHA}realms/beta/{DISCOVERY}").status_code == 404


@pytest.mark.requirement("OIDC Core", "2")
def test_the_issuer_never_comes_from_the_host_header(
    realm: Realm, client: HttpClient, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    answer = client.get(f"/oauth2/{DISCOVERY}", headers={"host": "evil.example.net"})
    assert answer.json()["issuer"] == ISSUER
    assert b"evil" not in answer.content


@pytest.mark.requirement("OIDC Discovery", "3")
def test_an_overridden_issuer_is_announced_and_signed(
    client: HttpClient, realm: Realm, relying_party: RelyingParties
) -> None:
    realm.issuer_override = "https://id.bank.example"
    realm.save()
    assert metadata(client)["issuer"] == "https://id.bank.example"
    assert metadata(client)["token_endpoint"] == f"{ISSUER}/access_token"
    rp = relying_party()
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    hint = rp.poll(auth_req_id).json()["id_token"]
    assert rp.authenticate(login_hint=None, id_token_hint=hint).status_code == 200


@pytest.mark.requirement("RFC 7517", "5")
def test_the_jwks_holds_next_current_and_retired_keys_and_nothing_private(
    client: HttpClient, realm: Realm
) -> None:
    SigningKey.objects.rotate(realm, "ES256", at_once=True)
    keys = client.get("/oauth2/connect/jwk_uri").json()["keys"]
    states = SigningKey.objects.filter(alg="ES256").values_list("state", flat=True)
    assert sorted(states) == ["current", "next", "retired"]
    assert len(keys) == 6
    for each in keys:
        assert {"kid", "use", "alg", "kty"} <= set(each)
        assert each["use"] == "sig"
        assert {"d", "p", "q", "dp", "dq", "qi", "k", "key_ops"}.isdisjoint(each)


@pytest.mark.requirement("RFC 7517", "5")
def test_a_rotation_breaks_no_client_that_cached_the_set(
    client: HttpClient, realm: Realm, relying_party: RelyingParties
) -> None:
    SigningKey.objects.rotate(realm, "ES256", at_once=True)
    cached = {key["kid"] for key in client.get("/oauth2/connect/jwk_uri").json()["keys"]}
    SigningKey.objects.rotate(realm, "ES256", at_once=True)
    rp = relying_party()
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    token = rp.poll(auth_req_id).json()["id_token"]
    signing = SigningKey.objects.get(alg="ES256", state="current")
    assert signing.kid in cached
    assert rp.authenticate(login_hint=None, id_token_hint=token).status_code == 200


@pytest.mark.requirement("Protocol", "1")
@pytest.mark.usefixtures("realm")
def test_the_authorize_page_says_that_there_is_no_front_channel(client: HttpClient) -> None:
    for answer in (
        client.get("/oauth2/authorize?response_type=code&redirect_uri=https://evil.example"),
        client.post("/oauth2/authorize"),
    ):
        assert answer.status_code == 400
        assert b"unsupported_response_type" in answer.content
        assert b"evil" not in answer.content
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]


@pytest.mark.requirement("Protocol", "1")
@pytest.mark.usefixtures("realm")
def test_a_site_with_another_provider_beside_us_names_its_own_authorization_endpoint(
    client: HttpClient, settings: Any
) -> None:
    own = "https://op.example.com/o/authorize"
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "AUTHORIZATION_ENDPOINT": own}
    assert metadata(client)["authorization_endpoint"] == own


@pytest.mark.requirement("RFC 7517", "5")
def test_our_own_id_tokens_are_known_again_however_many_keys_are_published(
    realm: Realm, relying_party: RelyingParties
) -> None:
    template = SigningKey.objects.get(alg="ES256", state="current")
    for number in range(60):
        fresh = PrivateKey.generate("ES256")
        SigningKey.objects.create(
            realm=realm,
            alg="ES256",
            kid=f"retired-{number}",
            state="retired",
            private_pem=template.private_pem,
            public_jwk={**fresh.public_jwk, "kid": f"retired-{number}"},
        )
    rp = relying_party()
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    hint = rp.poll(auth_req_id).json()["id_token"]
    assert rp.authenticate(login_hint=None, id_token_hint=hint).status_code == 200
