"""Client metadata to a `Client` and back: every fault named, every member kept."""

import json
from typing import Any

import pytest
from django.test import override_settings

from django_ciba.client_registration import (
    MEMBERS,
    InvalidMetadata,
    members,
    metadata_of,
    metadata_problems,
    registered,
)
from django_ciba.conf import CibaSettings, ciba_settings
from django_ciba.jose import CAN_ENCRYPT, PrivateKey
from django_ciba.models import Client, Realm
from django_ciba.protocol.errors import ALLOWED_DESCRIPTION
from django_ciba.protocol.names import CIBA_GRANT_TYPE
from django_ciba.protocol.problems import Problem, described, too_deep, unstorable
from tests.certificates import certified
from tests.plugin import leave_out

SECRET = "s3cret-of-thirty-two-characters.~_"
EC_KEY = PrivateKey.generate("ES256").public_jwk
ED_KEY = PrivateKey.generate("EdDSA").public_jwk
SMALL_RSA_KEY = {"kty": "RSA", "e": "AQAB", "n": "u" * 170 + "w"}  # 1024 bits


DEFAULTS = {
    "enabled": True,
    "token_endpoint_auth_method": "client_secret_basic",
    "tls_client_certificate_bound_access_tokens": False,
    "dpop_bound_access_tokens": False,
    "scope": "openid",
    "grant_types": [CIBA_GRANT_TYPE, "refresh_token"],
    "backchannel_token_delivery_mode": "poll",
    "backchannel_long_polling": False,
    "backchannel_user_code_parameter": False,
    "two_step_user_code": False,
    "require_signed_request_object": True,
    "id_token_signed_response_alg": "ES256",
    "subject_type": "public",
    "access_token_format": "opaque",
    "may_introspect": False,
    "profile": "ciba",
    "issuer_only_audience": False,
    "hide_unknown_users": False,
}
AS_THEY_ARE = (
    "tls_client_certificate_bound_access_tokens",
    "dpop_bound_access_tokens",
    "backchannel_long_polling",
    "two_step_user_code",
    "subject_type",
    "access_token_format",
    "may_introspect",
)


def metadata(**changes: Any) -> dict[str, Any]:
    """A client that signs and uses many columns; `None` leaves a member out."""
    full = {
        "client_id": "myCIBAClient",
        "client_secret": SECRET,
        "client_name": "My CIBA Application",
        "enabled": True,
        "token_endpoint_auth_method": "client_secret_basic",
        "scope": "openid profile",
        "grant_types": [CIBA_GRANT_TYPE, "refresh_token"],
        "jwks": {"keys": [EC_KEY]},
        "backchannel_token_delivery_mode": "poll",
        "backchannel_authentication_request_signing_alg": "ES256",
        "backchannel_user_code_parameter": True,
        "require_signed_request_object": True,
        "id_token_signed_response_alg": "PS256",
        "profile": "ciba",
        "issuer_only_audience": True,
        "hide_unknown_users": True,
        **{name: DEFAULTS[name] for name in AS_THEY_ARE},
        "client_uri": "https://rp.example.com/",
        "contacts": ["ops@example.com"],
        "redirect_uris": ["https://rp.example.com/cb", "com.example.app:/cb"],
        "application_type": "web",
        "software_id": "4NRB1-0XZABZI9E6-5SM3R",
        **changes,
    }
    return {name: value for name, value in full.items() if value is not None}


def problems(
    given: object, existing: Client | None = None, conf: CibaSettings = ciba_settings
) -> list[tuple[str, str]]:
    return [tuple(each) for each in metadata_problems(given, conf, existing=existing)]  # type: ignore[misc]


def the_one(given: object, existing: Client | None = None) -> tuple[str, str]:
    found = problems(given, existing)
    assert len(found) == 1, found
    return found[0]


@pytest.fixture
def realm() -> Realm:
    return Realm(pk=1, name="root", path="/")


def test_metadata_becomes_a_client_and_the_client_the_same_metadata(realm: Realm) -> None:
    client = registered(metadata(), realm)
    assert client._state.adding
    assert client.realm == realm
    assert client.has_secret(SECRET)
    assert client.inline_keys[0].kid == EC_KEY["kid"]
    assert client.metadata == {
        "application_type": "web",
        "client_uri": "https://rp.example.com/",
        "contacts": ["ops@example.com"],
        "redirect_uris": ["https://rp.example.com/cb", "com.example.app:/cb"],
        "software_id": "4NRB1-0XZABZI9E6-5SM3R",
    }
    assert metadata_of(client) == metadata(client_secret=None)


def test_no_secret_leaves_by_metadata_of(realm: Realm) -> None:
    client = registered(metadata(), realm)
    text = json.dumps(metadata_of(client))
    assert SECRET not in text
    assert client.secret_digest not in text


def test_what_is_left_out_has_the_models_default(realm: Realm) -> None:
    client = registered(
        {"client_id": "small", "client_secret": SECRET, "jwks": {"keys": [EC_KEY]}}, realm
    )
    assert metadata_of(client) == {
        **DEFAULTS,
        "client_id": "small",
        "jwks": {"keys": [EC_KEY]},
    }


# --- an existing client ---------------------------------------------------------------------------


def test_an_existing_client_keeps_what_is_left_out(realm: Realm) -> None:
    client = registered(metadata(), realm)
    same = registered({"client_id": "myCIBAClient", "client_name": "New"}, realm, existing=client)
    assert same is client
    assert metadata_of(client) == metadata(client_secret=None, client_name="New")
    assert client.has_secret(SECRET)


def test_null_puts_the_default_back(realm: Realm) -> None:
    client = registered(metadata(), realm)
    registered(
        {
            "client_id": "myCIBAClient",
            "client_name": None,
            "scope": None,
            "contacts": None,
            "backchannel_authentication_request_signing_alg": None,
        },
        realm,
        existing=client,
    )
    assert client.client_name == ""
    assert client.scope == "openid"
    assert client.backchannel_authentication_request_signing_alg == ""
    assert "contacts" not in client.metadata


def test_a_new_source_of_keys_replaces_the_old_one(realm: Realm) -> None:
    client = registered(metadata(), realm)
    assert client.inline_keys
    address = "https://rp.example.com/jwks.json"
    registered({"client_id": "myCIBAClient", "jwks_uri": address}, realm, existing=client)
    assert (client.jwks, client.jwks_uri) == (None, address)
    assert client.inline_keys == ()
    registered({"client_id": "myCIBAClient", "jwks": {"keys": [EC_KEY]}}, realm, existing=client)
    assert (client.jwks, client.jwks_uri) == ({"keys": [EC_KEY]}, "")


def test_what_was_read_from_the_old_keys_goes_with_them(realm: Realm) -> None:
    for_encryption = PrivateKey.generate("ECDH-ES").public_jwk
    of_certificate = {**certified().jwk, "kid": "certified"}
    client = registered(metadata(jwks={"keys": [EC_KEY, for_encryption, of_certificate]}), realm)
    assert client.inline_encryption_keys
    assert client.inline_certificates
    registered({"client_id": client.client_id, "jwks": {"keys": [EC_KEY]}}, realm, existing=client)
    assert client.inline_encryption_keys == ()
    assert client.inline_certificates == ()


def test_a_secret_ends_with_the_method_that_used_it(realm: Realm) -> None:
    """Or it would be good again after the way back, years later."""
    client = registered(metadata(), realm)
    change = {"client_id": "myCIBAClient", "token_endpoint_auth_method": "private_key_jwt"}
    registered(change, realm, existing=client)
    assert client.secret_digest == ""
    back = {"client_id": "myCIBAClient", "token_endpoint_auth_method": "client_secret_post"}
    assert the_one(back, client) == (
        "client_secret",
        "is missing: client_secret_post needs one of at least 32 characters",
    )


def test_a_refused_change_leaves_the_client_as_it_was(realm: Realm) -> None:
    client = registered(metadata(), realm)
    with pytest.raises(InvalidMetadata) as refusal:
        registered(metadata(client_name="New", scope="profile"), realm, existing=client)
    assert refusal.value.problems == [Problem("scope", "must hold openid")]
    assert str(refusal.value) == "scope: must hold openid"
    assert metadata_of(client) == metadata(client_secret=None)


def test_a_site_keeps_members_of_its_own(realm: Realm) -> None:
    client = registered(metadata(), realm)
    client.metadata["branch_office"] = "Tbilisi"
    assert "branch_office" not in metadata_of(client)
    registered({"client_id": "myCIBAClient", "contacts": None}, realm, existing=client)
    assert client.metadata["branch_office"] == "Tbilisi"


def test_a_stored_client_can_be_looked_at_again(realm: Realm) -> None:
    """As admin does after somebody edited the columns."""
    client = registered(metadata(), realm)
    assert problems(metadata_of(client), client) == []
    client.scope = "profile"
    assert the_one(metadata_of(client), client) == ("scope", "must hold openid")


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [None, [], "client", 3])
def test_metadata_is_an_object(given: object) -> None:
    assert the_one(given) == ("", "must be an object")


@pytest.mark.parametrize(
    ("name", "value", "path", "problem"),
    [
        ("client_id", 5, "client_id", "must be a string"),
        ("client_id", "", "client_id", "must not be empty: leave it out, or say null"),
        ("client_id", "a b", "client_id", "must be: letters, digits, . _ ~ : / -"),
        ("client_id", "a" * 201, "client_id", "must be at most 200 characters long"),
        ("client_name", True, "client_name", "must be a string"),
        ("client_name", "a\x00b", "client_name", "holds a control character (U+0000)"),
        ("client_name", "a\nb", "client_name", "holds a control character (U+000A)"),
        ("client_name", "a\u202eb", "client_name", "holds a control character (U+202E)"),
        ("client_name", "a\ud800", "client_name", "holds a control character (U+D800)"),
        ("client_name", "n" * 201, "client_name", "must be at most 200 characters long"),
        ("enabled", "true", "enabled", "must be true or false, without quotes"),
        ("enabled", 1, "enabled", "must be true or false, without quotes"),
        (
            "token_endpoint_auth_method",
            "none",
            "token_endpoint_auth_method",
            f"must be {' or '.join(Client.AuthMethod.values)}",
        ),
        (
            "token_endpoint_auth_signing_alg",
            "HS384",
            "token_endpoint_auth_signing_alg",
            "must be ES256 or PS256 or RS256 or EdDSA or HS256",
        ),
        (
            "id_token_signed_response_alg",
            "none",
            "id_token_signed_response_alg",
            "must be ES256 or PS256 or RS256 or EdDSA",
        ),
        ("scope", "profile", "scope", "must hold openid"),
        (
            "scope",
            "openid payments",
            "scope",
            "word 2 is not a scope of this realm (openid profile email phone address)",
        ),
        (
            "scope",
            "openid  profile",
            "scope",
            'must be words with one space between them, as "openid profile"',
        ),
        (
            "scope",
            ["openid"],
            "scope",
            'must be words with one space between them, as "openid profile"',
        ),
        ("scope", "openid " + "a" * 994, "scope", "must be at most 1000 characters long"),
        ("grant_types", "refresh_token", "grant_types", "must be a list of strings"),
        (
            "grant_types",
            [],
            "grant_types",
            f"must name at least one grant type, as {CIBA_GRANT_TYPE}",
        ),
        (
            "grant_types",
            [CIBA_GRANT_TYPE, "password"],
            "grant_types[1]",
            f"must be {CIBA_GRANT_TYPE} or refresh_token",
        ),
        (
            "grant_types",
            [CIBA_GRANT_TYPE, CIBA_GRANT_TYPE],
            "grant_types[1]",
            "is named twice",
        ),
        (
            "backchannel_token_delivery_mode",
            "ping",
            "backchannel_client_notification_endpoint",
            "is missing: ping sends there",
        ),
        (
            "backchannel_token_delivery_mode",
            "POLL",
            "backchannel_token_delivery_mode",
            "must be poll or ping or push",
        ),
        (
            "backchannel_client_notification_endpoint",
            "http://rp.example.com/ciba",
            "backchannel_client_notification_endpoint",
            "must begin with https://",
        ),
        ("profile", "fapi", "profile", "must be ciba or fapi-ciba"),
        ("contacts", ["a@b", "a@b"], "contacts[1]", "is named twice"),
        (
            "resource_identifiers",
            ["https://api.example.com", "/api"],
            "resource_identifiers[1]",
            "must be an absolute URI without a fragment",
        ),
        (
            "resource_identifiers",
            ["https://api.example.com/#a"],
            "resource_identifiers[0]",
            "must be an absolute URI without a fragment",
        ),
        (
            "authorization_details_types",
            ["payment_initiation"],
            "authorization_details_types[0]",
            "is no type of authorization details of this realm",
        ),
        (
            "require_signed_request_object",
            0,
            "require_signed_request_object",
            "must be true or false, without quotes",
        ),
        ("client_secret", 5, "client_secret", "must be a string"),
        ("client_secret", "s" * 31, "client_secret", "must be 32 to 200 characters long"),
        ("client_secret", "s" * 201, "client_secret", "must be 32 to 200 characters long"),
        ("contacts", "ops@example.com", "contacts", "must be a list of strings"),
        ("contacts", ["ops@example.com", 5], "contacts[1]", "must be a string"),
        ("logo_uri", "JavaScript:alert(1)", "logo_uri", "must begin with https://"),
        ("redirect_uris", ["JavaScript:x"], "redirect_uris[0]", "must be an absolute URI"),
        ("redirect_uris", ["/cb"], "redirect_uris[0]", "must be an absolute URI"),
        ("client_uri", "https://[", "client_uri", "must be a URI"),
        ("application_type", "tv", "application_type", "must be web or native"),
        (
            "client_nmae",
            "x",
            "client_nmae",
            "is not known in a client; did you mean client_name?",
        ),
        ("Scope", "openid", "Scope", "is not known in a client; did you mean scope?"),
        ("zzz", None, "zzz", "is not known in a client"),
    ],
)
def test_a_wrong_member_is_refused(name: str, value: object, path: str, problem: str) -> None:
    given = metadata()
    given[name] = value
    assert the_one(given) == (path, problem)


@pytest.mark.requirement("RFC 6749", "2.3.1")
@pytest.mark.parametrize("character", ["%", "+", "é", "\n", "\x7f", "\x00"])
def test_a_secret_that_basic_reads_two_ways_is_refused_with_the_reason(character: str) -> None:
    path, problem = the_one(metadata(client_secret="s" * 40 + character))
    assert path == "client_secret"
    assert "HTTP Basic carries it form-urlencoded" in problem
    assert "A-Z a-z 0-9 - _ . ~ are always safe" in problem


@pytest.mark.parametrize("length", [32, 200])
def test_a_secret_of_the_shortest_and_longest_length_is_taken(realm: Realm, length: int) -> None:
    assert registered(metadata(client_secret="s" * length), realm).has_secret("s" * length)


def test_a_client_id_must_be_there() -> None:
    assert the_one(metadata(client_id=None)) == ("client_id", "is missing")
    given = {**metadata(), "client_id": None}
    assert problems(given)[0] == ("client_id", "must be a string, not null")


@pytest.mark.requirement("RFC 7617", "2")
def test_a_colon_in_the_client_id_is_refused_where_basic_would_cut_it() -> None:
    path, problem = the_one(metadata(client_id="https://rp.example.com"))
    assert path == "client_id"
    assert problem.startswith("holds a colon, where HTTP Basic ends the name")
    other = metadata(
        client_id="https://rp.example.com", token_endpoint_auth_method="client_secret_post"
    )
    assert problems(other) == []


def test_a_secret_is_needed_by_the_methods_that_use_one() -> None:
    for method in ("client_secret_basic", "client_secret_post"):
        assert the_one(metadata(client_secret=None, token_endpoint_auth_method=method)) == (
            "client_secret",
            f"is missing: {method} needs one of at least 32 characters",
        )


def test_a_secret_is_refused_where_it_has_no_use() -> None:
    assert the_one(metadata(token_endpoint_auth_method="private_key_jwt")) == (
        "client_secret",
        "has no use with private_key_jwt: leave it out",
    )


def test_a_null_secret_does_not_take_a_needed_one_away(realm: Realm) -> None:
    client = registered(metadata(), realm)
    assert the_one({"client_id": "myCIBAClient", "client_secret": None}, client)[0] == (
        "client_secret"
    )


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 7591", "2")
def test_jwks_and_jwks_uri_exclude_each_other() -> None:
    assert the_one(metadata(jwks_uri="https://rp.example.com/jwks.json")) == (
        "jwks_uri",
        "stands beside jwks: give one of the two",
    )


def test_a_client_that_signs_needs_keys() -> None:
    path, problem = the_one(metadata(jwks=None))
    assert path == "jwks"
    assert problem.startswith("is missing: signed requests need jwks or jwks_uri")
    assert "set require_signed_request_object to false" in problem
    assertion = metadata(
        jwks=None,
        client_secret=None,
        token_endpoint_auth_method="private_key_jwt",
        require_signed_request_object=False,
    )
    assert the_one(assertion) == (
        "jwks",
        "is missing: private_key_jwt needs jwks or jwks_uri",
    )


def test_a_client_that_signs_nothing_needs_no_keys() -> None:
    assert problems(metadata(jwks=None, require_signed_request_object=False)) == []


def test_keys_that_somebody_stored_broken_are_no_keys(realm: Realm) -> None:
    client = registered(metadata(), realm)
    client.jwks = {"keys": [{"kty": "EC"}]}
    path, problem = the_one({"client_id": "myCIBAClient"}, client)
    assert path == "jwks"
    assert problem.startswith("holds no key for signatures")


@pytest.mark.parametrize("keys", [[], [{**EC_KEY, "use": "enc"}]])
def test_a_set_without_a_signature_key_is_as_good_as_none(keys: list[Any]) -> None:
    path, problem = the_one(metadata(jwks={"keys": keys}))
    assert path == "jwks"
    assert problem.startswith("holds no key for signatures: signed requests need")


def test_every_bad_key_is_named_by_its_place() -> None:
    private = {**EC_KEY, "d": "AAAA"}
    symmetric = {"kty": "oct", "k": "AAAA"}
    keys = [private, EC_KEY, SMALL_RSA_KEY, symmetric, "key"]
    assert problems(metadata(jwks={"keys": keys})) == [
        ("jwks.keys[0]", "member d is private: replace this key, then send its public half"),
        ("jwks.keys[2]", "an RSA key has 2048 to 8192 bits"),
        ("jwks.keys[3]", "a symmetric key is a secret and does not belong in a JWK Set"),
        ("jwks.keys[4]", "a JWK is a JSON object"),
    ]


def test_two_keys_of_one_name_are_refused() -> None:
    assert the_one(metadata(jwks={"keys": [EC_KEY, ED_KEY, EC_KEY]})) == (
        "jwks.keys[2]",
        "another key has the same kid and alg",
    )


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("[]", "a JWK Set is a JSON object"),
        ({}, "a JWK Set has a member named keys, which is a list"),
        (EC_KEY, "this is a single JWK: put it into a list, and that under the name keys"),
        ({"keys": [EC_KEY] * 51}, "a JWK Set holds at most 50 keys"),
    ],
)
def test_a_jwks_is_a_jwk_set(value: object, problem: str) -> None:
    assert the_one(metadata(jwks=value)) == ("jwks", problem)


def test_a_key_that_no_database_stores_is_refused() -> None:
    """PostgreSQL takes no NUL in a JSON value; SQLite would."""
    assert the_one(metadata(jwks={"keys": [{**EC_KEY, "x5u": "a\x00"}]})) == (
        "jwks.keys[0].x5u",
        "holds a NUL character, which a database does not store",
    )


def test_an_algorithm_needs_a_key_that_can_make_it() -> None:
    name = "backchannel_authentication_request_signing_alg"
    assert the_one(metadata(**{name: "PS256"})) == (
        name,
        "is PS256, and no key in jwks is for that",
    )
    assertion = metadata(
        client_secret=None,
        token_endpoint_auth_method="private_key_jwt",
        token_endpoint_auth_signing_alg="EdDSA",
    )
    assert the_one(assertion) == (
        "token_endpoint_auth_signing_alg",
        "is EdDSA, and no key in jwks is for that",
    )
    assert problems({**assertion, "jwks": {"keys": [EC_KEY, ED_KEY]}}) == []


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("http://rp.example.com/jwks", "must begin with https://"),
        ("https://127.0.0.1/jwks", "must not point to a private or special address"),
        ("https://localhost/jwks", "must not point to this machine"),
        ("https://rp.example.com/" + "a" * 1000, "must be at most 1000 characters long"),
        (5, "must be a string"),
    ],
)
def test_a_jwks_uri_is_an_address_that_we_may_call(address: object, problem: str) -> None:
    assert the_one(metadata(jwks=None, jwks_uri=address)) == ("jwks_uri", problem)


@override_settings(DJANGO_CIBA={"OUTBOUND_ALLOW_LOOPBACK": True})
def test_a_jwks_uri_follows_the_sites_setting() -> None:
    assert problems(metadata(jwks=None, jwks_uri="http://127.0.0.1:9/jwks")) == []


# --- client_secret_jwt, which needs more than a digest --------------------------------------------


def test_a_change_to_client_secret_jwt_needs_the_secret_itself(realm: Realm) -> None:
    client = registered(metadata(), realm)
    change = {"client_id": "myCIBAClient", "token_endpoint_auth_method": "client_secret_jwt"}
    path, problem = the_one(change, client)
    assert path == "client_secret"
    assert problem.startswith("is missing: client_secret_jwt needs the secret itself")
    registered({**change, "client_secret": SECRET}, realm, existing=client)
    assert client.secret_encrypted == SECRET
    assert problems({"client_id": "myCIBAClient", "client_name": "New"}, client) == []
    back = {"client_id": "myCIBAClient", "token_endpoint_auth_method": "client_secret_post"}
    registered(back, realm, existing=client)
    assert client.secret_encrypted == ""
    assert client.has_secret(SECRET)


def test_a_secret_for_client_secret_jwt_is_kept(realm: Realm) -> None:
    client = registered(metadata(token_endpoint_auth_method="client_secret_jwt"), realm)
    assert client.secret_encrypted == SECRET
    registered(metadata(token_endpoint_auth_method="client_secret_jwt"), realm, existing=client)
    assert client.secret_encrypted == SECRET


# --- encryption -----------------------------------------------------------------------------------


@pytest.fixture
def joserfc() -> None:
    if not CAN_ENCRYPT:
        leave_out("joserfc is not installed")


def test_encryption_needs_joserfc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "CAN_ENCRYPT", False)
    for name in ("id_token_encrypted_response_alg", "request_object_encryption_enc"):
        found = dict(problems(metadata(**{name: "ECDH-ES"})))
        assert found[name] == "needs joserfc on the server: install django-ciba[jwe]"


def test_the_default_enc_comes_and_goes_with_its_alg(realm: Realm, joserfc: None) -> None:
    alg, enc = "id_token_encrypted_response_alg", "id_token_encrypted_response_enc"
    any_use = {name: EC_KEY[name] for name in ("kty", "crv", "x", "y")}
    client = registered(metadata(**{alg: "ECDH-ES", "jwks": {"keys": [any_use]}}), realm)
    assert getattr(client, enc) == "A128CBC-HS256"
    registered({"client_id": "myCIBAClient", enc: "A256GCM"}, realm, existing=client)
    assert (getattr(client, alg), getattr(client, enc)) == ("ECDH-ES", "A256GCM")
    registered({"client_id": "myCIBAClient", alg: None}, realm, existing=client)
    assert (getattr(client, alg), getattr(client, enc)) == ("", "")
    assert the_one(metadata(**{enc: "A128GCM"})) == (enc, f"needs {alg} beside it")


def test_there_is_a_key_to_encrypt_to(joserfc: None) -> None:
    alg = "userinfo_encrypted_response_alg"
    signing = metadata(**{alg: "ECDH-ES+A256KW", "jwks": {"keys": [{**EC_KEY, "use": "sig"}]}})
    assert the_one(signing) == (
        alg,
        "is ECDH-ES+A256KW, and no key in jwks may be encrypted to with that",
    )
    address = "https://rp.example.com/jwks.json"
    assert problems(metadata(**{alg: "RSA-OAEP-256", "jwks": None, "jwks_uri": address})) == []


# --- the realm ------------------------------------------------------------------------------------


def test_types_of_authorization_details_are_those_of_the_realm() -> None:
    given = metadata(authorization_details_types=["account", "payment"])
    found = metadata_problems(given, ciba_settings, details_types=["account"])
    assert [each.path for each in found] == ["authorization_details_types[1]"]


def test_a_realm_that_forces_fapi_ciba_makes_it_the_default(realm: Realm) -> None:
    realm.settings = {"require_fapi_ciba": True}
    given = {
        "client_id": "bank",
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [EC_KEY]},
        "dpop_bound_access_tokens": True,
    }
    assert registered(given, realm).is_fapi


def test_scopes_and_algorithms_are_those_of_the_realm() -> None:
    conf = CibaSettings(({"scopes": ["openid", "payments"], "signing_algs": ["RS256"]},))
    assert problems(metadata(scope="openid payments profile email"), conf=conf) == [
        ("scope", "word 3 is not a scope of this realm (openid payments)"),
        ("scope", "word 4 is not a scope of this realm (openid payments)"),
        (
            "id_token_signed_response_alg",
            "is PS256, and this realm signs with RS256 (signing_algs)",
        ),
    ]


# --- all of them ----------------------------------------------------------------------------------


def test_every_fault_is_named() -> None:
    found = problems(
        {
            "client_id": "a b",
            "client_secret": "short",
            "scope": "profile",
            "grant_types": ["password", "implicit"],
            "jwks": {"keys": [SMALL_RSA_KEY, {**EC_KEY, "d": "AAAA"}]},
            "enabled": "yes",
            "client_nmae": "x",
        }
    )
    assert [path for path, _ in found] == [
        "client_id",
        "client_secret",
        "grant_types[0]",
        "grant_types[1]",
        "jwks.keys[0]",
        "jwks.keys[1]",
        "enabled",
        "client_nmae",
        "scope",
    ]


@pytest.mark.parametrize("value", [5, 0.5, True, "", [], {}, [[]], "\x00", {"keys": {}}])
@pytest.mark.parametrize("name", [*MEMBERS, "backchannel_client_notification_endpoint"])
def test_no_value_of_any_member_breaks_the_check(name: str, value: object) -> None:
    found = problems({**metadata(), name: value})
    for path, problem in found:
        assert path
        assert problem
    if found:
        assert ALLOWED_DESCRIPTION.fullmatch(described([Problem(*each) for each in found]))


def test_a_description_names_no_more_faults_than_can_be_read() -> None:
    many = [Problem(f"contacts[{number}]", 'must be "a" or \u20ac') for number in range(25)]
    text = described(many)
    assert text.startswith("contacts[0]: must be 'a' or '; ")
    assert text.endswith("; and 5 faults more")
    assert text.count(";") == 20
    assert ALLOWED_DESCRIPTION.fullmatch(text)


def test_a_fault_is_one_line_whatever_the_name_is_made_of() -> None:
    ((path, _),) = problems({**metadata(), "a\n\x1b[2Jfake: fine": 1})
    assert path == '["a\\n\\u001b[2Jfake: fine"]'
    assert str(Problem("a\nb", "c\u202ed")) == "a\\nb: c\\u202ed"
    assert str(Problem("", "whole")) == "whole"


def test_what_no_database_holds_is_found_at_any_place() -> None:
    value = {"a": [1, {"b": "x\x00"}, 2**53], "c\x00": "\ud800", "d": [2**53 - 1, 1e300]}
    assert [tuple(each) for each in unstorable(value)] == [
        ("", "holds a NUL character, which a database does not store"),
        ('["c\\u0000"]', "holds half a character (a lone surrogate)"),
        ("a[2]", "is a number beyond 9007199254740991"),
        ("a[1].b", "holds a NUL character, which a database does not store"),
    ]


def test_depth_is_counted_without_recursion() -> None:
    def nested(levels: int) -> Any:
        value: Any = 1
        for _ in range(levels):
            value = [value]
        return value

    assert not too_deep(nested(32))
    assert too_deep(nested(33))
    assert too_deep(nested(100_000))
