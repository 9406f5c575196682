"""Metadata at the root of the host (RFC 8414 §3)."""

from typing import Any

import pytest
from django.test import Client as HttpClient

from django_ciba.models import Realm
from tests.provider import make_realm

NAMES = ("oauth-authorization-server", "openid-configuration")


@pytest.mark.requirement("RFC 8414", "3")
@pytest.mark.parametrize("name", NAMES)
def test_the_well_known_name_stands_before_the_path_of_the_issuer(
    client: HttpClient, realm: Realm, name: str
) -> None:
    make_realm("alpha", realm)
    for path in ("/oauth2", "/oauth2/realms/root/realms/alpha"):
        answer = client.get(f"/.well-known/{name}{path}")
        assert answer.status_code == 200, answer.content
        assert answer["Content-Type"] == "application/json"
        assert answer.json()["issuer"] == f"https://op.example.com{path}"
        assert answer.content == client.get(f"{path}/.well-known/openid-configuration").content


@pytest.mark.requirement("RFC 8414", "2")
def test_introspection_and_revocation_are_announced_with_how_to_authenticate_there(
    client: HttpClient, realm: Realm
) -> None:
    found: dict[str, Any] = client.get(f"/.well-known/{NAMES[0]}/oauth2").json()
    assert found["introspection_endpoint"] == f"{realm.issuer}/introspect"
    assert found["revocation_endpoint"] == f"{realm.issuer}/token/revoke"
    for endpoint in ("introspection_endpoint", "revocation_endpoint"):
        for end in ("auth_methods_supported", "auth_signing_alg_values_supported"):
            assert found[f"{endpoint}_{end}"] == found[f"token_endpoint_{end}"]


@pytest.mark.requirement("RFC 8414", "3.3")
@pytest.mark.usefixtures("realm")
@pytest.mark.parametrize(
    "path",
    ["", "/", "/oauth2/", "/oauth2/realms/root", "/elsewhere", "/oauth2/realms/root/realms/no"],
)
def test_a_path_that_is_no_issuers_is_404_as_json(client: HttpClient, path: str) -> None:
    answer = client.get(f"/.well-known/{NAMES[0]}{path}")
    assert answer.status_code == 404
    assert answer.json()["error_description"] == "no issuer here has that path"


@pytest.mark.requirement("RFC 8414", "3.3")
def test_of_two_issuers_with_one_path_the_host_decides(
    client: HttpClient, realm: Realm, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    alpha = make_realm("alpha", realm)
    alpha.issuer_override = "https://alpha.example.com/oauth2"
    alpha.save()
    path = f"/.well-known/{NAMES[0]}/oauth2"
    for host in ("op.example.com", "alpha.example.com"):
        answer = client.get(path, headers={"host": host})
        assert answer.json()["issuer"] == f"https://{host}/oauth2"
    assert client.get(path, headers={"host": "evil.example.net"}).status_code == 404


@pytest.mark.requirement("RFC 8414", "3")
def test_an_issuer_without_a_path_needs_none(client: HttpClient, realm: Realm) -> None:
    realm.issuer_override = "https://op.example.com"
    realm.save()
    answer = client.get(f"/.well-known/{NAMES[0]}")
    assert answer.json()["issuer"] == "https://op.example.com"


@pytest.mark.requirement("RFC 8414", "3.1")
@pytest.mark.usefixtures("realm")
def test_only_get_is_taken(client: HttpClient) -> None:
    answer = client.post(f"/.well-known/{NAMES[0]}/oauth2")
    assert answer.status_code == 405
    assert answer["Allow"] == "GET, HEAD"
