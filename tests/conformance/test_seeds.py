"""The documented flow of PingAM and Advanced Identity Cloud, as printed, with an own key and host.

What stands in these tests as a constant is what the documentation shows: payload, key shape, curl's
bytes, bodies and error texts.
"""

import base64
import json
import time
from typing import Any

import pytest
from django.test import Client as HttpClient
from django.urls import include, path

from django_ciba.jose import BadKey, Malformed, PrivateKey, parse_json, verification_keys
from django_ciba.models import Client, Realm
from tests.conformance.wire import at, refused
from tests.provider import approve, deny, find, make_realm, make_user
from tests.relying_party import FORM, claims_of, compact

HOST = "openam-mycompany.example.com"
ALPHA = "/am/oauth2/realms/root/realms/alpha"
SUBJECT = "a0325ea4-9d9b-4056-931b-ab64704cc3da"
SECRET = "a-secret-of-forty-letters-and-more-0123456789"
MESSAGE = "Allow ExampleBank to transfer £50 from 'Main' to 'Savings'? (EB-0246326)"
PAYLOAD = """\
{
  "aud": "https://openam-mycompany.example.com:443/am/oauth2/realms/root/realms/alpha",
  "binding_message": "Allow ExampleBank to transfer £50 from 'Main' to 'Savings'? (EB-0246326)",
  "acr_values": "push",
  "exp": %d,
  "iss": "myCIBAClient",
  "login_hint": "a0325ea4-9d9b-4056-931b-ab64704cc3da",
  "scope": "openid profile"
}
"""

urlpatterns = [path("am/oauth2/", include("django_ciba.urls"))]

pytestmark = [pytest.mark.usefixtures("subject"), pytest.mark.requirement("PingAM", "CIBA flow")]


@pytest.fixture(autouse=True)
def mount(site: None, settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "ISSUER": f"https://{HOST}/am/oauth2"}


@pytest.fixture
def subject(db: None) -> None:
    make_user(SUBJECT)


@pytest.fixture
def alpha(realm: Realm) -> Realm:
    return make_realm("alpha", realm)


@pytest.fixture
def own_key() -> PrivateKey:
    """What `jose jwk gen` makes."""
    return PrivateKey.generate("ES256")


def key_set(key: PrivateKey) -> dict[str, Any]:
    """The public half as printed: the same members in the same order."""
    jwk = key.public_jwk
    return {
        "keys": [
            {
                "kty": "EC",
                "use": "sig",
                "crv": "P-256",
                "kid": "myCIBAKey",
                "x": jwk["x"],
                "y": jwk["y"],
                "alg": "ES256",
            }
        ]
    }


@pytest.fixture
def registered(alpha: Realm, own_key: PrivateKey) -> Client:
    client = Client(
        realm=alpha,
        client_id="myCIBAClient",
        client_name="My CIBA Application",
        scope="openid profile",
        jwks=key_set(own_key),
    )
    client.set_secret(SECRET)
    client.save()
    return client


def signed(key: PrivateKey, payload: str) -> str:
    """jose jws sig -I payload.json -k key.jwk -s '{"alg":"ES256"}' -c"""
    return compact(b'{"alg":"ES256"}', payload.encode(), key)


def curl(http: HttpClient, address: str, *data: str, user: str = f"myCIBAClient:{SECRET}") -> Any:
    """curl --request POST --user id:secret --data … --data … https://host/address"""
    return http.generic(
        "POST",
        address,
        "&".join(data).encode(),
        FORM,
        headers={
            "Authorization": "Basic " + base64.b64encode(user.encode()).decode(),
            "User-Agent": "curl/8.5.0",
            "Accept": "*/*",
            "Host": HOST,
        },
    )


@pytest.fixture
def http(settings: Any) -> HttpClient:
    settings.ALLOWED_HOSTS = [HOST]
    return HttpClient()


def exp() -> int:
    """echo $(($(date -u +%s) + 1799))"""
    return int(time.time()) + 1799


def poll(http: HttpClient, auth_req_id: str) -> Any:
    return curl(
        http,
        f"{ALPHA}/access_token",
        "grant_type=urn:openid:params:grant-type:ciba",
        f"auth_req_id={auth_req_id}",
    )


@pytest.mark.usefixtures("registered")
def test_the_documented_flow_works_as_printed(http: HttpClient, own_key: PrivateKey) -> None:
    with at():
        token = signed(own_key, PAYLOAD % exp())
        answer = curl(http, f"{ALPHA}/bc-authorize", f"request={token}")
        assert answer.status_code == 200, answer.content
        auth_req_id = answer.json()["auth_req_id"]
        assert answer.json() == {"auth_req_id": auth_req_id, "expires_in": 600, "interval": 2}
        row = find(auth_req_id)
        assert row.binding_message == MESSAGE
        assert (row.acr, row.scope) == ("push", "openid profile")
        assert row.user is not None
        assert row.user.get_username() == SUBJECT

        pending = poll(http, auth_req_id)
        assert pending.status_code == 400
        assert pending.json() == {
            "error_description": "End user has not yet been authenticated",
            "error": "authorization_pending",
        }
    with at(1):
        hasty = poll(http, auth_req_id)
        assert hasty.status_code == 400
        assert hasty.json() == {
            "error_description": "The polling interval has not elapsed since the last request",
            "error": "slow_down",
        }
        approve(auth_req_id)
        tokens = poll(http, auth_req_id)
        assert tokens.status_code == 200
        body = tokens.json()
        assert set(body) == {
            "access_token",
            "refresh_token",
            "scope",
            "id_token",
            "token_type",
            "expires_in",
        }
        assert (body["scope"], body["token_type"]) == ("openid profile", "Bearer")
        assert body["expires_in"] == 3599
        claims = claims_of(body["id_token"])
        assert claims["iss"] == f"https://{HOST}{ALPHA}"
        assert claims["aud"] == "myCIBAClient"
        info = http.get(
            f"{ALPHA}/userinfo",
            headers={"authorization": f"Bearer {body['access_token']}", "host": HOST},
        )
        assert info.status_code == 200
        shown = info.json()
        assert {"name", "family_name", "given_name", "sub", "subname"} <= set(shown)
        assert shown["sub"] == shown["subname"] == claims["sub"]


@pytest.mark.usefixtures("registered")
def test_a_denial_is_access_denied(http: HttpClient, own_key: PrivateKey) -> None:
    token = signed(own_key, PAYLOAD % exp())
    auth_req_id = curl(http, f"{ALPHA}/bc-authorize", f"request={token}").json()["auth_req_id"]
    deny(auth_req_id)
    answer = poll(http, auth_req_id)
    assert (answer.status_code, answer.json()["error"]) == (400, "access_denied")


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("data", [(), ("request=",), ("scope=openid%20profile", "login_hint=x")])
def test_without_a_signed_request_the_printed_error_comes(
    http: HttpClient, data: tuple[str, ...]
) -> None:
    answer = curl(http, f"{ALPHA}/bc-authorize", "client_id=myCIBAClient", *data)
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "invalid_request",
        "error_description": "Request must have a 'request' parameter the value of which must be a "
        "signed jwt",
    }


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("ahead", "words"),
    [(1799, None), (1800, None), (1801, "JWT expiration time is unreasonable")],
)
def test_the_printed_exp_is_just_early_enough(
    http: HttpClient, own_key: PrivateKey, ahead: int, words: str | None
) -> None:
    with at():
        token = signed(own_key, PAYLOAD % (int(time.time()) + ahead))
        answer = curl(http, f"{ALPHA}/bc-authorize", f"request={token}")
    if words is None:
        assert answer.status_code == 200
    else:
        body = refused(answer, "invalid_request").json()
        assert body["error_description"] == words


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    "aud",
    [
        f"https://{HOST}:443{ALPHA}",
        f"https://{HOST}{ALPHA}",
        [f"https://{HOST}:443{ALPHA}"],
        ["https://another.example.com", f"https://{HOST}:443{ALPHA}"],
    ],
)
def test_aud_is_the_address_of_the_realm_with_or_without_the_default_port(
    http: HttpClient, own_key: PrivateKey, aud: Any
) -> None:
    payload = json.dumps({**json.loads(PAYLOAD % exp()), "aud": aud})
    answer = curl(http, f"{ALPHA}/bc-authorize", f"request={signed(own_key, payload)}")
    assert answer.status_code == 200, answer.content


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    "aud",
    [
        f"https://{HOST}:443/am/oauth2",
        f"https://{HOST}:8443{ALPHA}",
        f"http://{HOST}:443{ALPHA}",
        f"http://{HOST}{ALPHA}",
        f"https://{HOST}/am/oauth2/realms/root/realms/beta",
        f"https://{HOST}/am/oauth2/realms/alpha",
    ],
)
def test_aud_is_no_other_address(http: HttpClient, own_key: PrivateKey, aud: str) -> None:
    payload = json.dumps({**json.loads(PAYLOAD % exp()), "aud": aud})
    answer = curl(http, f"{ALPHA}/bc-authorize", f"request={signed(own_key, payload)}")
    refused(answer, "invalid_request", "request: aud must hold the issuer")


@pytest.mark.parametrize(
    ("issuer", "aud"),
    [
        ("https://am.example.com:8443/am/oauth2", "https://am.example.com:8443/am/oauth2"),
        (f"https://{HOST}/am/oauth2", f"https://{HOST}/am/oauth2"),
        (f"https://{HOST}/am/oauth2", f"https://{HOST}:443/am/oauth2"),
        (f"https://{HOST}/am/oauth2", f"https://{HOST}:443/am/oauth2/realms/root"),
    ],
)
def test_the_oauth_2_endpoint_alone_means_the_root_realm(
    http: HttpClient, own_key: PrivateKey, settings: Any, issuer: str, aud: str
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "ISSUER": issuer}
    client = Client(
        realm=make_realm(), client_id="myCIBAClient", scope="openid profile", jwks=key_set(own_key)
    )
    client.set_secret(SECRET)
    client.save()
    payload = json.dumps({**json.loads(PAYLOAD % exp()), "aud": aud})
    for address in ("/am/oauth2/bc-authorize", "/am/oauth2/realms/root/bc-authorize"):
        answer = curl(http, address, f"request={signed(own_key, payload)}")
        assert answer.status_code == 200, answer.content


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    "message",
    [
        MESSAGE,
        MESSAGE.replace("'Main'", "your 'Main' account").replace(
            "'Savings'", "your 'Savings' account"
        ),
    ],
)
def test_the_printed_messages_are_kept_whether_the_pound_sign_is_escaped_or_not(
    http: HttpClient, own_key: PrivateKey, message: str
) -> None:
    for ascii_only in (True, False):
        claims = {**json.loads(PAYLOAD % exp()), "binding_message": message}
        token = signed(own_key, json.dumps(claims, ensure_ascii=ascii_only))
        answer = curl(http, f"{ALPHA}/bc-authorize", f"request={token}")
        assert find(answer.json()["auth_req_id"]).binding_message == message


def test_the_jwt_profile_takes_the_printed_parameters(
    http: HttpClient, registered: Client, own_key: PrivateKey
) -> None:
    registered.token_endpoint_auth_method = "private_key_jwt"
    registered.save()
    assertion = {
        "iss": "myCIBAClient",
        "sub": "myCIBAClient",
        "aud": f"https://{HOST}:443{ALPHA}",
        "exp": exp(),
        "jti": "one",
    }
    answer = http.generic(
        "POST",
        f"{ALPHA}/bc-authorize",
        "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
        f"&client_assertion={signed(own_key, json.dumps(assertion))}"
        f"&client_id=myCIBAClient&request={signed(own_key, PAYLOAD % exp())}",
        FORM,
        headers={"Host": HOST},
    )
    assert answer.status_code == 200, answer.content


def test_form_parameters_take_the_printed_parameters(
    http: HttpClient, registered: Client, own_key: PrivateKey
) -> None:
    registered.token_endpoint_auth_method = "client_secret_post"
    registered.save()
    answer = http.generic(
        "POST",
        f"{ALPHA}/bc-authorize",
        f"client_id=myCIBAClient&client_secret={SECRET}&request="
        + signed(own_key, PAYLOAD % exp()),
        FORM,
        headers={"Host": HOST},
    )
    assert answer.status_code == 200, answer.content


@pytest.mark.usefixtures("registered")
def test_an_id_token_may_stand_in_place_of_the_login_hint(
    http: HttpClient, own_key: PrivateKey
) -> None:
    token = signed(own_key, PAYLOAD % exp())
    auth_req_id = curl(http, f"{ALPHA}/bc-authorize", f"request={token}").json()["auth_req_id"]
    approve(auth_req_id)
    claims = json.loads(PAYLOAD % exp())
    del claims["login_hint"]
    claims["id_token_hint"] = poll(http, auth_req_id).json()["id_token"]
    answer = curl(http, f"{ALPHA}/bc-authorize", f"request={signed(own_key, json.dumps(claims))}")
    assert answer.status_code == 200, answer.content
    assert find(answer.json()["auth_req_id"]).user == find(auth_req_id).user


# --- the key and the JWT that are printed --------------------------------------------------------

PRINTED_JWK = """\
{
  "kty": "EC",
  "use": "sig",
  "crv": "P-256",
  "kid": "myCIBAKey",
  "x": "m0CkpWpZyGu-FLRLjCGBVGC7Fwm5vGt8Lm3HhYU4ylg",
  "y": "U8NMtO-C2c3yhu2I_ApAELttmaittfPNPQaIJxvTCHk",
  "alg": "ES256",
}
"""
PRINTED_JWT = (
    "eyJhbGciOiJFUzI1NiJ9."
    "eyJhdWQiOiJodHRwczovL29wZW5hbS1teWNvbXBhbnkuZm9yZ2VibG9ja3MuY29tOjQ0My9hbS9vYXV0aDIvcmVhbG1z"
    "L3Jvb3QvcmVhbG1zL2FscGhhIiwiYmluZGluZ19tZXNzYWdlIjoiQWxsb3cgRXhhbXBsZUJhbmsgdG8gdHJhbnNmZXIg"
    "wqM1MCBmcm9tICdNYWluJyB0byAnU2F2aW5ncyc_IChFQi0wMjQ2MzI2KSIsImFjcl92YWx1ZXMiOiJwdXNoIiwiZXhw"
    "IjoxNzU5OTQzODM5LCJpc3MiOiJteUNJQkFDbGllbnQiLCJsb2dpbl9oaW50IjoiYTAzMjVlYTQtOWQ5Yi00MDU2LTkz"
    "MWItYWI2NDcwNGNjM2RhIiwic2NvcGUiOiJvcGVuaWQgcHJvZmlsZSJ9."
    "m0CkAdmfjmm2PehE7cUG6NBCE3sNpuo4EvsruZgARdsDtdubLg9dWBNUhpETtwW-_ZXLPQKs0ZnQHEfMc_9pqA"
)


def test_the_printed_jwk_is_no_json_but_without_its_last_comma_it_is_a_key() -> None:
    with pytest.raises(Malformed):
        parse_json(PRINTED_JWK.encode())
    jwk = parse_json(PRINTED_JWK.replace('",\n}', '"\n}').encode())
    with pytest.raises(BadKey, match="put it into a list, and that under the name keys"):
        verification_keys(jwk)
    (key,) = verification_keys({"keys": [jwk]})
    assert (key.kid, key.alg) == ("myCIBAKey", "ES256")


def test_the_printed_jwt_is_not_signed_by_the_printed_key(
    http: HttpClient, registered: Client, settings: Any
) -> None:
    """The documentation shows no pair that belongs together, so everybody makes an own key."""
    issuer = "https://openam-mycompany.forgeblocks.com/am/oauth2"
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "ISSUER": issuer}
    jwk = json.loads(PRINTED_JWK.replace('",\n}', '"\n}'))
    registered.jwks = {"keys": [jwk]}
    registered.save()
    with at(1_759_943_839 - 1799 - 1_800_000_000):
        answer = curl(http, f"{ALPHA}/bc-authorize", f"request={PRINTED_JWT}")
    refused(answer, "invalid_request", "request: the signature does not verify")


def test_the_claims_of_the_printed_jwt_are_taken_when_an_own_key_signs_them(
    http: HttpClient, own_key: PrivateKey, registered: Client, settings: Any
) -> None:
    issuer = "https://openam-mycompany.forgeblocks.com/am/oauth2"
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "ISSUER": issuer}
    payload = json.dumps(claims_of(PRINTED_JWT), ensure_ascii=False)
    with at(1_759_943_839 - 1799 - 1_800_000_000):
        answer = curl(http, f"{ALPHA}/bc-authorize", f"request={signed(own_key, payload)}")
    assert answer.status_code == 200, answer.content
    assert find(answer.json()["auth_req_id"]).binding_message == MESSAGE


def test_a_key_that_was_registered_without_its_set_is_named_in_the_refusal(
    http: HttpClient, own_key: PrivateKey, registered: Client
) -> None:
    registered.jwks = key_set(own_key)["keys"][0]
    registered.save()
    token = signed(own_key, PAYLOAD % exp())
    answer = curl(http, f"{ALPHA}/bc-authorize", f"request={token}")
    refused(answer, "invalid_request", "put it into a list, and that under the name keys")
