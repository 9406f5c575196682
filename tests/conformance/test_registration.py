"""Dynamic client registration over HTTP (RFC 7591, OpenID Connect Registration, CIBA Core §4)."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as HttpClient
from django.utils import timezone

from django_ciba.client_registration.dynamic import OPERATORS_ALONE
from django_ciba.models import Client, InitialAccessToken, Realm
from django_ciba.protocol.names import CIBA_GRANT_TYPE
from tests.certificates import certified
from tests.conformance.conftest import ISSUER
from tests.jwks_server import JwksServer
from tests.provider import approve, key
from tests.relying_party import Answer, RelyingParty

EC_KEY = key("ES256", "client").public_jwk
PUBLIC = {"keys": [EC_KEY]}
SMALL_RSA_KEY = {"kty": "RSA", "e": "AQAB", "n": "u" * 170 + "w"}  # 1024 bits


def allow(realm: Realm, registration: str = "open", **settings: Any) -> None:
    realm.settings = {"registration": registration, **settings}
    realm.save()


def initial_token(realm: Realm, **changes: Any) -> str:
    row = InitialAccessToken(realm=realm, name="The shop's developers", **changes)
    value = row.new_value()
    row.save()
    return value


def register(
    metadata: Any, token: str = "", content_type: str = "application/json", mount: str = "/oauth2/"
) -> Answer:
    content = metadata if isinstance(metadata, bytes) else json.dumps(metadata).encode()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return HttpClient().generic("POST", f"{mount}register", content, content_type, headers=headers)


def refused(answer: Answer, error: str, words: str = "", status: int = 400) -> str:
    """RFC 7591 §3.2.2: the error as JSON that no cache keeps, and no client was made."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    members = answer.json()
    assert set(members) == {"error", "error_description"}
    assert members["error"] == error, members
    assert words in members["error_description"], members
    assert not Client.objects.exists()
    return str(members["error_description"])


# --- RFC 7591 §3: who may register ----------------------------------------------------------------


@pytest.mark.requirement("RFC 7591", "3")
def test_registration_is_off_unless_the_realm_allows_it(realm: Realm) -> None:
    refused(register({"jwks": PUBLIC}), "access_denied", "ask the operator", status=403)
    discovery = HttpClient().get("/oauth2/.well-known/openid-configuration").json()
    assert "registration_endpoint" not in discovery


@pytest.mark.requirement("RFC 8414", "2")
@pytest.mark.parametrize("registration", ["open", "token"])
def test_discovery_names_the_endpoint_where_registration_is_allowed(
    realm: Realm, registration: str
) -> None:
    allow(realm, registration)
    discovery = HttpClient().get("/oauth2/.well-known/openid-configuration").json()
    assert discovery["registration_endpoint"] == f"{ISSUER}/register"


@pytest.mark.requirement("RFC 7591", "3")
def test_registration_needs_an_initial_access_token_where_the_realm_says_so(realm: Realm) -> None:
    allow(realm, "token")
    answer = register({"jwks": PUBLIC})
    refused(answer, "invalid_token", "Authorization: Bearer", status=401)
    assert answer["WWW-Authenticate"] == 'Bearer realm="register"'


@pytest.mark.requirement("RFC 7591", "3")
@pytest.mark.parametrize("why", ["unknown", "expired", "used up", "of another realm"])
def test_a_token_that_is_no_good_is_refused_without_saying_why(realm: Realm, why: str) -> None:
    allow(realm, "token")
    other = Realm.objects.create(name="alpha", parent=realm)
    token = {
        "unknown": lambda: "x" * 43,
        "expired": lambda: initial_token(realm, expires_at=timezone.now() - timedelta(seconds=1)),
        "used up": lambda: initial_token(realm, uses_left=0),
        "of another realm": lambda: initial_token(other),
    }[why]()
    answer = register({"jwks": PUBLIC}, token)
    refused(answer, "invalid_token", "expired, used up or unknown", status=401)
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]


@pytest.mark.requirement("RFC 7591", "3")
def test_an_initial_access_token_is_good_for_as_many_clients_as_it_says(realm: Realm) -> None:
    allow(realm, "token")
    token = initial_token(realm, uses_left=2)
    statuses = [register({"jwks": PUBLIC}, token).status_code for _ in range(3)]
    assert statuses == [201, 201, 401]
    assert Client.objects.count() == 2
    row = InitialAccessToken.objects.get()
    assert row.uses_left == 0
    assert row.last_used_at is not None


@pytest.mark.requirement("RFC 7591", "3")
def test_an_initial_access_token_may_be_good_for_any_number(realm: Realm) -> None:
    allow(realm, "token")
    token = initial_token(realm, uses_left=None)
    for _ in range(3):
        assert register({"jwks": PUBLIC}, token).status_code == 201
    assert InitialAccessToken.objects.get().uses_left is None


@pytest.mark.requirement("RFC 7591", "3")
def test_a_refused_registration_costs_no_use_of_the_token(realm: Realm) -> None:
    allow(realm, "token")
    token = initial_token(realm)
    refused(register({"jwks": PUBLIC, "scope": "profile"}, token), "invalid_client_metadata")
    refused(register(b"{", token), "invalid_request")
    row = InitialAccessToken.objects.get()
    assert (row.uses_left, row.last_used_at) == (1, None)
    assert register({"jwks": PUBLIC}, token).status_code == 201


@pytest.mark.requirement("RFC 7591", "3")
def test_a_stranger_learns_nothing_about_its_metadata(realm: Realm) -> None:
    allow(realm, "token")
    refused(register({"scope": "payments"}, "x"), "invalid_token", status=401)


def test_a_client_is_of_the_realm_it_registered_in(realm: Realm) -> None:
    alpha = Realm.objects.create(name="alpha", parent=realm, settings={"registration": "open"})
    answer = register({"jwks": PUBLIC}, mount="/oauth2/realms/root/realms/alpha/")
    assert answer.status_code == 201, answer.content
    assert Client.objects.get().realm == alpha
    client_id = answer.json()["client_id"]
    assert answer.json()["registration_client_uri"] == (
        f"{ISSUER}/realms/root/realms/alpha/register/{client_id}"
    )


# --- RFC 7591 §3.2.1: the answer ------------------------------------------------------------------


@pytest.mark.requirement("RFC 7591", "3.2.1")
def test_a_new_client_is_told_everything_that_is_registered_and_its_secret_once(
    realm: Realm,
) -> None:
    allow(realm)
    asked = {
        "client_name": "The Shop",
        "jwks": PUBLIC,
        "scope": "openid profile",
        "backchannel_authentication_request_signing_alg": "ES256",
        "contacts": ["ops@rp.example.com"],
        "client_uri": "https://rp.example.com/",
    }
    answer = register(asked)
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    told = answer.json()
    client = Client.objects.get(client_id=told.pop("client_id"))
    secret, token = told.pop("client_secret"), told.pop("registration_access_token")
    assert client.has_secret(secret)
    assert client.has_registration_token(token)
    assert told == {
        **asked,
        "client_secret_expires_at": 0,
        "client_id_issued_at": int(client.created_at.timestamp()),
        "registration_client_uri": f"{ISSUER}/register/{client.client_id}",
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": [CIBA_GRANT_TYPE, "refresh_token"],
        "backchannel_token_delivery_mode": "poll",
        "backchannel_user_code_parameter": False,
        "require_signed_request_object": True,
        "id_token_signed_response_alg": "ES256",
        "subject_type": "public",
        "tls_client_certificate_bound_access_tokens": False,
        "dpop_bound_access_tokens": False,
        "profile": "ciba",
    }
    for stored in (client.secret_digest, client.registration_token_digest):
        assert stored not in answer.content.decode()


@pytest.mark.requirement("RFC 7591", "3.2.1")
def test_a_client_without_a_secret_is_told_of_none(realm: Realm) -> None:
    allow(realm)
    told = register({"jwks": PUBLIC, "token_endpoint_auth_method": "private_key_jwt"}).json()
    assert {"client_secret", "client_secret_expires_at"}.isdisjoint(told)
    assert Client.objects.get().secret_digest == ""


@pytest.mark.requirement("RFC 7591", "3.2.1")
def test_a_registered_client_goes_through_the_whole_flow(realm: Realm, alice: Any) -> None:
    allow(realm)
    told = register({"jwks": PUBLIC, "scope": "openid profile"}).json()
    rp = RelyingParty(
        http=HttpClient(),
        client=Client.objects.get(),
        issuer=ISSUER,
        mount="/oauth2/",
        key=key("ES256", "client"),
        secret=told["client_secret"],
    )
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    assert rp.poll(auth_req_id).status_code == 200


@pytest.mark.requirement("RFC 7591", "2")
def test_names_that_nobody_knows_and_those_of_an_operator_are_ignored(realm: Realm) -> None:
    allow(realm)
    answer = register(
        {
            "jwks": PUBLIC,
            "client_id": "admin",
            "client_secret": "s" * 40,
            "no_such_member": {"a": [1]},
            "enabled": False,
            "may_introspect": True,
            "resource_identifiers": ["https://api.example.com"],
            "hide_unknown_users": True,
            "issuer_only_audience": True,
            "access_token_format": "jwt",
            "backchannel_long_polling": True,
            "two_step_user_code": True,
        }
    )
    assert answer.status_code == 201, answer.content
    client = Client.objects.get()
    assert client.client_id != "admin"
    assert not client.has_secret("s" * 40)
    fresh = Client()
    for name in OPERATORS_ALONE:
        assert getattr(client, name) == getattr(fresh, name), name
        assert name not in answer.json()
    assert client.metadata == {}


@pytest.mark.requirement("RFC 7591", "2")
def test_null_is_as_good_as_left_out(realm: Realm) -> None:
    allow(realm)
    answer = register({"jwks": PUBLIC, "scope": None, "token_endpoint_auth_method": None})
    assert answer.status_code == 201, answer.content
    assert answer.json()["scope"] == "openid"


@pytest.mark.requirement("OIDC Registration", "2")
def test_the_default_algorithm_of_id_tokens_is_one_that_the_realm_has(realm: Realm) -> None:
    allow(realm, signing_algs=["RS256"])
    assert register({"jwks": PUBLIC}).json()["id_token_signed_response_alg"] == "RS256"


# --- RFC 7591 §3.2.2: refusals --------------------------------------------------------------------


@pytest.mark.requirement("RFC 7591", "3.1")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b" ", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"scope": NaN}', "not JSON"),
        (b'{"scope": "openid", "scope": "openid"}', "named twice"),
        (b'{"jwks": ' + b"[" * 60 + b"]" * 60 + b"}", "nested too deeply"),
        (b"[" * 30_000, "not JSON"),
        (b'{"client_name": "\\ud800"}', "surrogate"),
        (b"[]", "must be a JSON object"),
        (b'"openid"', "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b" " * 70_000 + b"{}", "longer than 65536 bytes"),
    ],
)
def test_what_is_no_json_object_is_refused(realm: Realm, content: bytes, words: str) -> None:
    allow(realm)
    refused(register(content), "invalid_request", words)


@pytest.mark.requirement("RFC 7591", "3.1")
@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/json", ""])
def test_another_content_type_is_refused(realm: Realm, content_type: str) -> None:
    allow(realm)
    answer = register({"jwks": PUBLIC}, content_type=content_type)
    refused(answer, "invalid_request", "application/json")


@pytest.mark.requirement("RFC 7591", "3.1.1")
def test_a_software_statement_is_refused(realm: Realm) -> None:
    allow(realm)
    answer = register({"jwks": PUBLIC, "software_statement": "eyJhbGciOiJub25lIn0.e30."})
    refused(answer, "unapproved_software_statement", "plain members")


@pytest.mark.requirement("RFC 7591", "3.2.2")
@pytest.mark.parametrize(
    "uris", ["https://rp.example.com/cb", ["/cb"], ["JavaScript:alert(1)"], [5]]
)
def test_a_wrong_redirect_uri_has_a_code_of_its_own(realm: Realm, uris: object) -> None:
    allow(realm)
    refused(register({"jwks": PUBLIC, "redirect_uris": uris}), "invalid_redirect_uri")


@pytest.mark.requirement("RFC 7591", "3.2.2")
def test_every_fault_is_named_by_its_path_and_nothing_of_the_callers_is_said_back(
    realm: Realm,
) -> None:
    allow(realm)
    description = refused(
        register(
            {
                "client_name": "EVIL\n",
                "scope": "openid EVIL",
                "grant_types": ["EVIL"],
                "jwks": {"keys": [{**EC_KEY, "EVIL": "\x00"}, {**EC_KEY, "d": "EVIL"}]},
                "redirect_uris": ["EVIL"],
                "logo_uri": "EVIL",
            }
        ),
        "invalid_client_metadata",
    )
    for path in (
        "client_name:",
        "scope: word 2 ",
        "grant_types[0]:",
        "jwks.keys[0]:",
        "jwks.keys[1]: member d is private",
        "redirect_uris[0]:",
        "logo_uri:",
    ):
        assert path in description
    assert "EVIL" not in description


MEMBERS: list[tuple[dict[str, Any], str]] = [
    # wrong types
    ({"client_name": 5}, "client_name: must be a string"),
    ({"scope": ["openid"]}, "scope: must be words"),
    ({"grant_types": CIBA_GRANT_TYPE}, "grant_types: must be a list"),
    ({"grant_types": ["authorization_code"]}, "grant_types[0]: must be"),
    ({"require_signed_request_object": "true"}, "must be true or false"),
    ({"token_endpoint_auth_method": ["private_key_jwt"]}, "token_endpoint_auth_method: must be"),
    ({"token_endpoint_auth_method": "none"}, "token_endpoint_auth_method: must be"),
    ({"jwks": "{}"}, "jwks: "),
    ({"contacts": "ops@rp.example.com"}, "contacts: must be a list"),
    ({"authorization_details_types": "payment"}, "authorization_details_types: must be a list"),
    # keys
    ({"jwks": {"keys": [SMALL_RSA_KEY]}}, "jwks.keys[0]: an RSA key has 2048"),
    ({"jwks": {"keys": [{**SMALL_RSA_KEY, "use": "enc"}]}}, "jwks.keys[0]: an RSA key has 2048"),
    ({"jwks": {"keys": [{**EC_KEY, "crv": "P-192"}]}}, "jwks.keys[0]: "),
    ({"jwks": {"keys": [{**EC_KEY, "d": "AAAA"}]}}, "jwks.keys[0]: member d is private"),
    ({"jwks": {"keys": [{**EC_KEY, "use": "enc", "d": "A"}]}}, "jwks.keys[0]: member d is private"),
    ({"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}}, "jwks.keys[0]: a symmetric key"),
    ({"jwks": {"keys": []}}, "jwks: holds no key"),
    ({"jwks": None}, "jwks: is missing"),
    ({"jwks_uri": "https://rp.example.com/jwks.json"}, "jwks_uri: stands beside jwks"),
    # the realm
    ({"scope": "openid payments"}, "scope: word 2 is not a scope of this realm"),
    ({"scope": "profile"}, "scope: must hold openid"),
    ({"authorization_details_types": ["x"]}, "authorization_details_types[0]: is no type"),
    ({"subject_type": "pairwise"}, "subject_type: is pairwise, and this site has no"),
    (
        {
            "backchannel_token_delivery_mode": "push",
            "backchannel_client_notification_endpoint": "https://rp.example.com/ciba",
        },
        "backchannel_token_delivery_mode: is push, and this realm",
    ),
    ({"backchannel_token_delivery_mode": "ping"}, "notification_endpoint: is missing: ping"),
    # authentication
    (
        {"token_endpoint_auth_signing_alg": "HS256"},
        "token_endpoint_auth_signing_alg: is HS256, and HS256 is for client_secret_jwt",
    ),
    (
        {
            "token_endpoint_auth_method": "client_secret_jwt",
            "token_endpoint_auth_signing_alg": "ES256",
        },
        "token_endpoint_auth_signing_alg: is ES256, and client_secret_jwt signs with HS256",
    ),
    ({"token_endpoint_auth_method": "tls_client_auth"}, "is tls_client_auth, and this site"),
    ({"tls_client_certificate_bound_access_tokens": True}, "is true, and this site takes no"),
    ({"tls_client_auth_san_dns": "rp.example.com"}, "tls_client_auth_san_dns: has no use"),
    # encryption
    ({"id_token_encrypted_response_enc": "A128GCM"}, "_enc: needs id_token_encrypted_response_alg"),
    ({"id_token_encrypted_response_alg": "RSA-OAEP-256"}, "_alg: is RSA-OAEP-256, and no key"),
    ({"id_token_encrypted_response_alg": "RSA1_5"}, "_alg: must be RSA-OAEP-256 or ECDH-ES"),
    ({"request_object_encryption_alg": "PBES2-HS256+A128KW"}, "_alg: must be RSA-OAEP-256"),
    # the profile
    ({"profile": "fapi-ciba"}, "token_endpoint_auth_method: must be private_key_jwt"),
]


@pytest.mark.requirement("FAPI 1.0 Baseline", "5.2.2", "5")
@pytest.mark.requirement("FAPI 1.0 Baseline", "5.2.2", "6")
@pytest.mark.requirement("RFC 7591", "2")
@pytest.mark.parametrize(("members", "words"), MEMBERS, ids=[words for _, words in MEMBERS])
def test_a_wrong_member_is_refused(realm: Realm, members: dict[str, Any], words: str) -> None:
    allow(realm)
    refused(register({"jwks": PUBLIC, **members}), "invalid_client_metadata", words)


@pytest.mark.requirement("CIBA Core", "9")
@pytest.mark.requirement("CIBA Core", "4")
@pytest.mark.parametrize(
    "address",
    [
        "http://rp.example.com/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://localhost/x",
        "https://10.1.2.3/x",
        "https://169.254.169.254/latest",
        "https://[::ffff:127.0.0.1]/x",
        "https://[64:ff9b::7f00:1]/x",
        "https://2130706433/x",
        "https://0x7f.1/x",
        "https://user@rp.example.com/x",
        "https://rp.example.com/x#y",
        "https://rp.example.com:0/x",
        "file:///etc/passwd",
        "//rp.example.com/x",
        "https://rp.example.com/\\@evil",
        "https://rp.example.com/" + "a" * 1000,
        5,
    ],
)
@pytest.mark.parametrize(
    "name",
    ["jwks_uri", "backchannel_client_notification_endpoint", "sector_identifier_uri"],
)
def test_an_address_that_we_must_not_call_is_refused(
    realm: Realm, name: str, address: object
) -> None:
    allow(realm)
    asked = {"backchannel_token_delivery_mode": "ping", name: address}
    if name != "jwks_uri":
        asked["jwks"] = PUBLIC
    refused(register(asked), "invalid_client_metadata", f"{name}: must ")


@pytest.mark.requirement("CIBA Core", "4")
def test_ping_is_registered_with_its_endpoint(realm: Realm) -> None:
    allow(realm)
    asked = {
        "jwks": PUBLIC,
        "backchannel_token_delivery_mode": "ping",
        "backchannel_client_notification_endpoint": "https://rp.example.com/ciba",
        "backchannel_user_code_parameter": True,
    }
    told = register(asked).json()
    assert told.items() >= asked.items()


@pytest.mark.requirement("CIBA Core", "4")
def test_push_is_registered_where_the_realm_pushes(realm: Realm) -> None:
    allow(realm, push_delivery=True)
    asked = {
        "jwks": PUBLIC,
        "backchannel_token_delivery_mode": "push",
        "backchannel_client_notification_endpoint": "https://rp.example.com/ciba",
    }
    assert register(asked).status_code == 201


# --- FAPI-CIBA ------------------------------------------------------------------------------------


@pytest.mark.requirement("FAPI-CIBA", "5.2.2")
def test_a_realm_that_forces_fapi_ciba_registers_such_clients_alone(realm: Realm) -> None:
    allow(realm, require_fapi_ciba=True, push_delivery=True)
    refused(register({"jwks": PUBLIC, "profile": "ciba"}), "invalid_client_metadata", "profile:")
    good = {
        "jwks": PUBLIC,
        "token_endpoint_auth_method": "private_key_jwt",
        "dpop_bound_access_tokens": True,
    }
    for wrong, words in (
        ({"token_endpoint_auth_method": "client_secret_jwt"}, "token_endpoint_auth_method: must"),
        ({"require_signed_request_object": False}, "require_signed_request_object: must be true"),
        ({"dpop_bound_access_tokens": False}, "or dpop_bound_access_tokens must be true"),
        ({"id_token_signed_response_alg": "RS256"}, "id_token_signed_response_alg: must be PS256"),
        (
            {"jwks": {"keys": [key("EdDSA").public_jwk]}},
            "jwks: holds no key for PS256 or ES256",
        ),
        (
            {
                "backchannel_token_delivery_mode": "push",
                "backchannel_client_notification_endpoint": "https://rp.example.com/ciba",
            },
            "backchannel_token_delivery_mode: must be poll or ping",
        ),
    ):
        refused(register({**good, **wrong}), "invalid_client_metadata", words)
    answer = register(good)
    assert answer.status_code == 201, answer.content
    assert answer.json()["profile"] == "fapi-ciba"


@pytest.mark.requirement("RFC 7591", "5")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        (" ", "must hold something that can be read"),
        ("\u3164", "invisible"),
        ("My\u200b Bank", "invisible"),
        ("My Bank\U000e0041", "invisible"),
        ("My B" + "\u0301" * 5 + "ank", "stacks too many marks"),
    ],
)
def test_a_name_that_users_cannot_read_is_refused(realm: Realm, name: str, words: str) -> None:
    allow(realm)
    answer = register({"jwks": PUBLIC, "client_name": name})
    refused(answer, "invalid_client_metadata", f"client_name: {words}" if name == " " else words)


@pytest.mark.requirement("RFC 7591", "5")
@pytest.mark.parametrize(
    "name", ["Tom & Søn's £ shop™", "日本 7", "\u0646\u0627\u0645\u200c\u0647", "★"]
)
def test_a_name_may_be_of_any_script(realm: Realm, name: str) -> None:
    allow(realm)
    answer = register({"jwks": PUBLIC, "client_name": name})
    assert answer.status_code == 201, answer.content
    assert answer.json()["client_name"] == name


# --- pairwise subjects ----------------------------------------------------------------------------


@pytest.fixture
def salted(settings: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "PAIRWISE_SALT": "pepper"}


@pytest.mark.requirement("CIBA Core", "4")
def test_a_pairwise_client_must_use_the_keys_whose_host_is_its_sector(
    realm: Realm, salted: None
) -> None:
    allow(realm)
    asked = {
        "subject_type": "pairwise",
        "jwks_uri": "https://rp.example.com/jwks.json",
        "require_signed_request_object": False,
    }
    refused(register(asked), "invalid_client_metadata", "by the host of jwks_uri")
    answer = register({**asked, "token_endpoint_auth_method": "private_key_jwt"})
    assert answer.status_code == 201, answer.content


@pytest.mark.requirement("OIDC Registration", "5")
def test_a_sector_is_taken_when_its_list_names_the_client(
    realm: Realm, salted: None, settings: Any
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "OUTBOUND_ALLOW_LOOPBACK": True}
    allow(realm)
    jwks_uri = "https://rp.example.com/jwks.json"
    with JwksServer() as server:
        asked = {
            "subject_type": "pairwise",
            "jwks_uri": jwks_uri,
            "redirect_uris": ["https://rp.example.com/cb"],
            "sector_identifier_uri": server.url,
        }
        for listed, words in (
            ({}, "does not lead to a JSON list"),
            (["x" * 70_000], "does not lead to a JSON list"),
            ([], "does not name jwks_uri"),
            ([jwks_uri], "does not name every one of redirect_uris"),
        ):
            server.document = listed
            refused(register(asked), "invalid_client_metadata", words)
        server.document = [jwks_uri, "https://rp.example.com/cb"]
        answer = register(asked)
    assert answer.status_code == 201, answer.content


@pytest.mark.requirement("CIBA Core", "4")
def test_a_list_that_names_the_keys_of_another_lets_nobody_into_its_sector(
    realm: Realm, salted: None
) -> None:
    """Both addresses are public: whoever does not use the keys there has not shown to be theirs."""
    allow(realm)
    asked = {
        "subject_type": "pairwise",
        "jwks_uri": "https://victim.example.com/jwks.json",
        "sector_identifier_uri": "https://victim.example.com/sector.json",
        "require_signed_request_object": False,
    }
    refused(register(asked), "invalid_client_metadata", "the client must use the keys there")


@pytest.mark.requirement("OIDC Registration", "5")
def test_a_sector_without_an_address_of_the_client_is_refused_unread(
    realm: Realm, salted: None
) -> None:
    allow(realm)
    asked = {
        "subject_type": "pairwise",
        "jwks": PUBLIC,
        "sector_identifier_uri": "https://sector.example.com/list.json",
    }
    refused(register(asked), "invalid_client_metadata", "jwks_uri: is missing")


# --- mTLS -----------------------------------------------------------------------------------------


@pytest.fixture
def certificates(settings: Any) -> None:
    settings.DJANGO_CIBA = {
        **settings.DJANGO_CIBA,
        "CLIENT_CERTIFICATE_HEADER": "Client-Cert",
        "CLIENT_CERTIFICATE_VERIFIED_HEADER": "Client-Verified",
    }


@pytest.mark.requirement("RFC 8705", "2.1.2")
def test_tls_client_auth_names_exactly_one_thing_of_the_certificate(
    realm: Realm, certificates: None
) -> None:
    allow(realm)
    asked = {"jwks": PUBLIC, "token_endpoint_auth_method": "tls_client_auth"}
    good = {
        "tls_client_auth_subject_dn": "CN=rp.example.com,O=Example\\, Inc.,2.5.4.97=PSD",
        "tls_client_auth_san_dns": "rp.example.com",
        "tls_client_auth_san_uri": "https://rp.example.com/",
        "tls_client_auth_san_ip": "2001:db8::7",
        "tls_client_auth_san_email": "ops@rp.example.com",
    }
    bad = {
        "tls_client_auth_subject_dn": ["rp.example.com", "CN=a, O=b", "XX=a", ""],
        "tls_client_auth_san_dns": ["rp example", "-a.example.com", "a/b"],
        "tls_client_auth_san_uri": ["rp.example.com", "/cb"],
        "tls_client_auth_san_ip": ["rp.example.com", "10.0.0.256", "fe80::1%eth0", "010.0.0.1"],
        "tls_client_auth_san_email": ["ops", "@rp.example.com", "a b@rp.example.com"],
    }
    refused(register(asked), "invalid_client_metadata", "tls_client_auth needs one of")
    two = dict(list(good.items())[:2])
    refused(register({**asked, **two}), "invalid_client_metadata", "give exactly one")
    for name, values in bad.items():
        for value in values:
            refused(register({**asked, name: value}), "invalid_client_metadata", f"{name}: must")
    for name, value in good.items():
        answer = register({**asked, name: value})
        assert answer.status_code == 201, answer.content
        assert answer.json()[name] == value


@pytest.mark.requirement("RFC 8705", "2.2.2")
def test_a_self_signed_client_registers_its_certificate(realm: Realm, certificates: None) -> None:
    allow(realm)
    asked = {"jwks": PUBLIC, "token_endpoint_auth_method": "self_signed_tls_client_auth"}
    refused(register(asked), "invalid_client_metadata", "jwks: holds no x5c")
    shown = certified()
    for chain, words in (
        ("AAAA", "it must be a list"),
        ([], "it must be a list"),
        ([5], "it must be a list"),
        (["%%%"], "it must be a list"),
        (["AAAA"], "it is no certificate"),
        (shown.jwk["x5c"], "is the certificate of another key"),
    ):
        keys = {"keys": [{**EC_KEY, "x5c": chain}]}
        answer = register({**asked, "jwks": keys})
        refused(answer, "invalid_client_metadata", f"jwks.keys[0].x5c: {words}")
    answer = register({**asked, "jwks": {"keys": [shown.jwk]}})
    assert answer.status_code == 201, answer.content
    answer = register({**asked, "jwks": None, "jwks_uri": "https://rp.example.com/jwks.json"})
    assert answer.status_code == 201, answer.content


@pytest.mark.requirement("RFC 6749", "3.2")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_refused(realm: Realm, method: str) -> None:
    allow(realm)
    answer = HttpClient().generic(method, "/oauth2/register")
    refused(answer, "invalid_request", status=405)
    assert answer["Allow"] == "POST"
