"""The realm document: valid or refused as a whole, idempotent, and back out again."""

import copy
import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import override_settings

from django_ciba import realm_document
from django_ciba.client_registration import metadata_of
from django_ciba.jose import PrivateKey
from django_ciba.models import (
    AcrMapping,
    Client,
    ConfigurationVersion,
    Journey,
    JourneyVersion,
    Realm,
    SigningKey,
)
from django_ciba.realm_document import InvalidDocument, apply, document_problems, export, read
from tests.provider import push_journey

SECRET = "first-secret-of-thirty-two-characters"
OTHER_SECRET = "other-secret-of-thirty-two-characters"
KEY = PrivateKey.generate("ES256").public_jwk | {"kid": "myCIBAKey"}

# The design's document with a real key; the rest is what the documentation prints.
DESIGN = """{
  "realm": "/alpha",
  "settings": {"auth_req_id_lifetime": 600, "polling_interval": 2},
  "journeys": [{"name": "CIBA Push Journey", "start": "username", "nodes": {
    "username": {"type": "PlatformUsername", "outcomes": {"found": "send", "not_found": "@failure"}},
    "send": {"type": "PushSender", "config": {"push_type": "default", "message_timeout": 120},
             "outcomes": {"sent": "verify", "not_registered": "@failure"}},
    "verify": {"type": "PushResultVerifier", "outcomes":
               {"success": "@success", "failure": "@failure", "expired": "@failure", "waiting": "wait"}},
    "wait": {"type": "PollingWait", "config": {"seconds": 8}, "outcomes": {"done": "verify"}}}}],
  "acr_values": [{"acr": "push", "journey": "CIBA Push Journey"}],
  "default_journey": "CIBA Push Journey",
  "clients": [{
    "client_id": "myCIBAClient", "client_secret": "at least 32 characters, stored as a digest", "client_name": "My CIBA Application",
    "token_endpoint_auth_method": "client_secret_basic", "scope": "openid profile",
    "grant_types": ["urn:openid:params:grant-type:ciba", "refresh_token"],
    "jwks": {"keys": [{"kty": "EC", "crv": "P-256", "kid": "myCIBAKey", "alg": "ES256", "use": "sig", "x": "%(x)s", "y": "%(y)s"}]},
    "backchannel_token_delivery_mode": "poll", "backchannel_authentication_request_signing_alg": "ES256",
    "require_signed_request_object": true, "profile": "ciba"}]
}"""  # noqa: E501 - as it is printed

pytestmark = pytest.mark.django_db


def document(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DESIGN % KEY)
    found["clients"][0]["client_secret"] = SECRET
    # A key of each kind takes a while to make; one is enough for most of what is tested here.
    found["settings"]["signing_algs"] = ["ES256"]
    return {**found, **changes}


def below_root() -> list[dict[str, Any]]:
    """The document, and one for root that spares it the slow keys."""
    return [{"realm": "/", "settings": {"signing_algs": ["ES256"]}}, document()]


def faults(given: object) -> list[tuple[str, str]]:
    return [(path, message) for path, message in document_problems(given)]


def the_one(given: object) -> tuple[str, str]:
    found = faults(given)
    assert len(found) == 1, found
    return found[0]


def lines(given: object, *, dry_run: bool = False) -> list[str]:
    return [str(change) for change in apply(given, dry_run=dry_run)]


def new_keys(path: str, *algs: str) -> list[str]:
    """What is said of the keys that a realm gets for its algorithms."""
    whiches = ("signing key", "next signing key")
    return [f"{path}: {which} {alg}: created" for alg in algs for which in whiches]


def everything() -> dict[str, list[Any]]:
    """Every row that an import could write, but for key ids, as it is stored."""
    models = (Realm, Journey, JourneyVersion, AcrMapping, Client, SigningKey, ConfigurationVersion)
    return {each.__name__: list(each._default_manager.order_by("pk").values()) for each in models}


# --- what it makes --------------------------------------------------------------------------------


def test_the_document_that_the_design_prints_is_imported() -> None:
    changes = lines(read((DESIGN % KEY).encode()))
    algs = ("ES256", "RS256", "PS256", "EdDSA")
    assert changes == [
        "/: realm: created",
        *new_keys("/", *algs),
        "/alpha: realm: created",
        "/alpha: setting auth_req_id_lifetime: unset -> 600",
        "/alpha: setting polling_interval: unset -> 2",
        *new_keys("/alpha", *algs),
        "/alpha: journey CIBA Push Journey: created",
        "/alpha: acr push: created: journey CIBA Push Journey",
        '/alpha: default journey: unset -> "CIBA Push Journey"',
        "/alpha: client myCIBAClient: created",
    ]
    realm = Realm.objects.get(path="/alpha")
    assert realm.parent == Realm.objects.get(path="/")
    assert (realm.conf.AUTH_REQ_ID_LIFETIME, realm.conf.POLLING_INTERVAL) == (600, 2)
    journey = Journey.objects.get(realm=realm)
    assert journey.version is not None
    assert journey.version.document == journey.document
    assert set(journey.document) == {"start", "nodes"}
    assert realm.default_journey == journey
    assert [(each.acr, each.journey) for each in realm.mapping] == [("push", journey)]
    assert {key.alg for key in realm.keys} == set(algs)
    client = Client.objects.get(realm=realm, client_id="myCIBAClient")
    assert client.has_secret("at least 32 characters, stored as a digest")
    assert client.inline_keys[0].kid == "myCIBAKey"


def test_a_second_import_changes_nothing_and_writes_nothing() -> None:
    apply(below_root())
    before = everything()
    assert lines(below_root()) == []
    assert everything() == before


def test_missing_parents_are_made_from_the_root_down_with_keys() -> None:
    Realm.objects.create(name="root", settings={"signing_algs": ["ES256"]})
    assert lines({"realm": "/a/b"}) == [
        "/a: realm: created",
        *new_keys("/a", "ES256"),
        "/a/b: realm: created",
        *new_keys("/a/b", "ES256"),
    ]
    assert Realm.objects.get(path="/a/b").url_prefix == "realms/root/realms/a/realms/b/"


def test_documents_are_taken_parents_first_whatever_their_order() -> None:
    """A parent's settings decide which keys and scopes its children have."""
    changes = lines(
        [
            {
                "realm": "/a/b",
                "clients": [
                    {
                        "client_id": "c",
                        "client_secret": SECRET,
                        "scope": "openid payments",
                        "require_signed_request_object": False,
                        "id_token_signed_response_alg": "EdDSA",
                    }
                ],
            },
            {
                "realm": "/",
                "settings": {"scopes": ["openid", "payments"], "signing_algs": ["ES256"]},
            },
            {"realm": "/a", "settings": {"signing_algs": ["EdDSA"]}},
        ]
    )
    assert changes[-6:] == [
        *new_keys("/a", "EdDSA"),
        "/a/b: realm: created",
        *new_keys("/a/b", "EdDSA"),
        "/a/b: client c: created",
    ]
    assert SigningKey.objects.filter(realm__path="/a/b").count() == 2


def test_what_the_document_does_not_mention_is_left_alone() -> None:
    apply(below_root())
    before = everything()
    assert lines({"realm": "/alpha"}) == []
    assert lines({"realm": "/alpha", "settings": {}, "journeys": [], "clients": []}) == []
    assert lines({"realm": "/alpha", "clients": [{"client_id": "myCIBAClient"}]}) == []
    assert everything() == before


def test_issuer_and_enabled_of_a_realm() -> None:
    issuer = "https://old.example.com/am/oauth2/realms/root/realms/alpha"
    apply(below_root())
    assert lines({"realm": "/alpha", "issuer": issuer, "enabled": False}) == [
        "/alpha: realm: disabled",
        f'/alpha: issuer: unset -> "{issuer}"',
    ]
    realm = Realm.objects.get(path="/alpha")
    assert (realm.issuer, realm.enabled) == (issuer, False)
    assert lines(export("/alpha")) == []
    assert lines({"realm": "/alpha", "issuer": None, "enabled": True}) == [
        "/alpha: realm: enabled",
        f'/alpha: issuer: "{issuer}" -> unset',
    ]


# --- what it changes ------------------------------------------------------------------------------


def test_a_setting_is_replaced_alone_and_null_takes_it_away() -> None:
    apply(below_root())
    settings = {"polling_interval": 7, "auth_req_id_lifetime": None}
    assert lines({"realm": "/alpha", "settings": settings}) == [
        "/alpha: setting auth_req_id_lifetime: 600 -> unset",
        "/alpha: setting polling_interval: 2 -> 7",
    ]
    assert Realm.objects.get(path="/alpha").settings == {
        "polling_interval": 7,
        "signing_algs": ["ES256"],
    }


def test_a_new_algorithm_gets_its_keys() -> None:
    apply(below_root())
    changes = lines({"realm": "/alpha", "settings": {"signing_algs": ["ES256", "EdDSA"]}})
    assert changes[1:] == new_keys("/alpha", "EdDSA")


def test_a_changed_journey_is_a_new_version_beside_the_old_one() -> None:
    apply(below_root())
    old = Journey.objects.get().version
    given = document()
    given["journeys"][0]["nodes"]["wait"]["config"]["seconds"] = 3
    assert lines(given) == [
        "/alpha: journey CIBA Push Journey: changed: version 2; requests under way keep theirs"
    ]
    journey = Journey.objects.get()
    assert journey.version is not None
    assert journey.version.number == 2
    assert journey.version.document["nodes"]["wait"]["config"] == {"seconds": 3}
    assert old is not None
    old.refresh_from_db()
    assert old.document["nodes"]["wait"]["config"] == {"seconds": 8}
    assert lines(given) == []
    assert JourneyVersion.objects.count() == 2


def test_a_changed_client_is_described_member_by_member() -> None:
    apply(below_root())
    given = document()
    new_key = PrivateKey.generate("ES256").public_jwk
    given["clients"][0] |= {
        "scope": "openid",
        "jwks": {"keys": [new_key]},
        "contacts": ["ops@example.com"],
        "enabled": False,
    }
    assert lines(given) == [
        "/alpha: client myCIBAClient: enabled true -> false",
        '/alpha: client myCIBAClient: scope "openid profile" -> "openid"',
        "/alpha: client myCIBAClient: jwks changed",
        '/alpha: client myCIBAClient: contacts unset -> ["ops@example.com"]',
    ]
    client = Client.objects.get()
    assert (client.scope, client.enabled) == ("openid", False)
    assert client.jwks == {"keys": [new_key]}


def test_a_changed_secret_is_reported_and_never_shown() -> None:
    apply(below_root())
    given = document()
    given["clients"][0]["client_secret"] = OTHER_SECRET
    assert lines(given) == ["/alpha: client myCIBAClient: client_secret changed"]
    client = Client.objects.get()
    assert client.has_secret(OTHER_SECRET)
    assert not client.has_secret(SECRET)
    assert lines(given) == []
    given["clients"][0]["client_secret"] = None
    given["clients"][0]["token_endpoint_auth_method"] = "private_key_jwt"
    changes = {str(each): each.warning for each in apply(given)}
    assert changes == {
        "/alpha: client myCIBAClient: token_endpoint_auth_method "
        '"client_secret_basic" -> "private_key_jwt"': "",
        "/alpha: client myCIBAClient: client_secret removed": "the old secret stops working: "
        "token_endpoint_auth_method is private_key_jwt now, which uses none",
    }


def test_acr_values_come_in_the_documents_order_before_all_others() -> None:
    apply(below_root())
    journey = Journey.objects.get()
    AcrMapping.objects.create(realm=journey.realm, acr="old", journey=journey, position=7)

    def order() -> list[str]:
        return [each.acr for each in Realm.objects.get(path="/alpha").mapping]

    def values(*names: str) -> dict[str, Any]:
        named = [{"acr": name, "journey": journey.name} for name in names]
        return {"realm": "/alpha", "acr_values": named}

    assert order() == ["push", "old"]
    assert lines(values("push", "old")) == []  # positions 0 and 7 are an order as good as any
    assert lines(values("otp", "push")) == [
        "/alpha: acr otp: created: journey CIBA Push Journey",
        "/alpha: acr order: otp, push, old",
    ]
    assert order() == ["otp", "push", "old"]
    assert lines(values("old", "push")) == ["/alpha: acr order: old, push, otp"]
    assert order() == ["old", "push", "otp"]
    assert lines(values("old", "push", "otp")) == []


def test_an_acr_can_lead_to_another_journey() -> None:
    apply(below_root())
    second = document()["journeys"][0] | {"name": "Second"}
    given = {
        "realm": "/alpha",
        "journeys": [second],
        "acr_values": [{"acr": "push", "journey": "Second"}],
        "default_journey": None,
    }
    assert lines(given) == [
        "/alpha: journey Second: created",
        '/alpha: acr push: journey "CIBA Push Journey" -> "Second"',
        '/alpha: default journey: "CIBA Push Journey" -> unset',
    ]
    realm = Realm.objects.get(path="/alpha")
    assert realm.default_journey is None
    assert realm.mapping[0].journey.name == "Second"


# --- nothing, or all of it ------------------------------------------------------------------------


def test_a_dry_run_says_what_happens_and_leaves_the_database_as_it_was() -> None:
    before = everything()
    said = lines(below_root(), dry_run=True)
    assert everything() == before
    assert said == lines(below_root())
    assert Client.objects.count() == 1


def test_a_dry_run_of_a_change_leaves_the_database_as_it_was() -> None:
    apply(below_root())
    before = everything()
    given = document(settings={"polling_interval": 9})
    given["journeys"][0]["start"] = "send"
    del given["journeys"][0]["nodes"]["username"]
    given["clients"][0]["client_secret"] = OTHER_SECRET
    assert len(lines(given, dry_run=True)) == 3
    assert everything() == before


def test_one_bad_client_imports_nothing_and_every_fault_is_named() -> None:
    before = everything()
    given = document()
    good = given["clients"][0]
    bad = {
        "client_id": "bad client",
        "client_secret": "short",
        "scope": "openid payments",
        "grant_types": ["urn:openid:params:grant-type:ciba", "implicit"],
        "jwks": {"keys": [KEY, {**KEY, "d": "AAAA"}]},
        "backchannel_token_delivery_mode": "pull",
        "client_nmae": "Bad",
    }
    with pytest.raises(InvalidDocument) as refusal:
        apply({**given, "clients": [good, bad]})
    assert [each.path for each in refusal.value.problems] == [
        "clients[1].client_id",
        "clients[1].client_secret",
        "clients[1].grant_types[1]",
        "clients[1].jwks.keys[1]",
        "clients[1].backchannel_token_delivery_mode",
        "clients[1].client_nmae",
        "clients[1].scope",
    ]
    assert everything() == before


def test_a_fault_in_one_realm_keeps_the_others_out() -> None:
    with pytest.raises(InvalidDocument) as refusal:
        apply([*below_root(), {"realm": "/beta", "settings": {"polling_interval": 0}}])
    assert [tuple(each) for each in refusal.value.problems] == [
        ("[2].settings.polling_interval", "must be a whole number of seconds from 1 to 3600")
    ]
    assert not Realm.objects.exists()


# --- faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [None, "realm", 5, True])
def test_a_document_is_an_object_or_a_list_of_objects(given: object) -> None:
    assert the_one(given) == ("", "must be an object, or a list of objects, one for each realm")


def test_a_list_without_a_document_is_a_fault() -> None:
    assert the_one([]) == ("", "holds no realm document")


def test_an_item_of_a_list_is_an_object() -> None:
    assert the_one([{"realm": "/"}, "realm"]) == ("[1]", "must be an object with realm")


@pytest.mark.parametrize("path", [None, 5, ["/"]])
def test_a_realm_is_a_path(path: object) -> None:
    assert the_one({"realm": path}) == (
        "realm",
        'must be the path of a realm: "/" for root, or as "/alpha/beta"',
    )


def test_a_journey_alone_is_told_where_it_belongs() -> None:
    journey = {"name": "push", **push_journey()}
    assert the_one(journey) == (
        "",
        'is a journey; a realm document holds it: {"realm": "/", "journeys": [this journey]}',
    )
    assert faults({"realm": "/", "journeys": [journey]}) == []


@pytest.mark.parametrize("path", ["", "alpha", "/alpha/", "//", "/a//b", "root"])
def test_a_realm_path_has_one_spelling(path: str) -> None:
    assert the_one({"realm": path}) == (
        "realm",
        'must begin with / and not end with one, as "/alpha/beta"',
    )


def test_the_names_in_a_realm_path_are_checked() -> None:
    assert faults({"realm": "/a b/.c/" + "d" * 101}) == [
        ("realm", '"a b" must be: letters, digits, . _ -'),
        ("realm", '".c" must be: letters, digits, . _ -'),
        ("realm", '"' + "d" * 59 + "... must be at most 100 characters long"),
    ]
    assert the_one({"realm": "/abcdefghi" * 51}) == (
        "realm",
        "must be at most 500 characters long",
    )


@pytest.mark.parametrize(
    ("name", "value", "path", "problem"),
    [
        ("setings", {}, "setings", "is not known in a realm document; did you mean settings?"),
        ("enabled", "no", "enabled", "must be true or false, without quotes"),
        ("issuer", "op.example.com", "issuer", "must begin with https:// and name a host"),
        ("settings", [], "settings", "must be an object of settings by lower-case name"),
        (
            "settings",
            {"poling_interval": 2},
            "settings.poling_interval",
            "is not known in a realm's settings; did you mean polling_interval?",
        ),
        (
            "settings",
            {"POLLING_INTERVAL": 2},
            "settings.POLLING_INTERVAL",
            "is not known in a realm's settings; did you mean polling_interval?",
        ),
        (
            "settings",
            {"polling_interval": True},
            "settings.polling_interval",
            "must be a whole number of seconds from 1 to 3600",
        ),
        (
            "settings",
            {"polling_interval": 2**31},
            "settings.polling_interval",
            "must be a whole number of seconds from 1 to 3600",
        ),
        (
            "settings",
            {"binding_message_pattern": "(pay"},
            "settings.binding_message_pattern",
            "is no regular expression: missing ), unterminated subpattern at position 0",
        ),
        (
            "settings",
            {"binding_message_pattern": "a{99999999999}"},
            "settings.binding_message_pattern",
            "is no regular expression: the repetition number is too large",
        ),
        ("acr_values", {"push": "x"}, "acr_values", "must be a list of mappings"),
        ("acr_values", ["push"], "acr_values[0]", "must be an object with acr and journey"),
        (
            "acr_values",
            [{"acr": "a b", "journey": "CIBA Push Journey"}],
            "acr_values[0].acr",
            "must be: one word, no space",
        ),
        (
            "acr_values",
            [{"acr": "a", "journey": "CIBA Push Jorney"}],
            "acr_values[0].journey",
            (
                '"CIBA Push Jorney" is not known in the journeys of this realm; '
                "did you mean CIBA Push Journey?"
            ),
        ),
        ("acr_values", [{"acr": "a"}], "acr_values[0].journey", "must be the name of a journey"),
        (
            "acr_values",
            [{"acr": "a", "journey": "CIBA Push Journey", "jouney": 1}],
            "acr_values[0].jouney",
            "is not known in a mapping; did you mean journey?",
        ),
        ("default_journey", 5, "default_journey", "must be the name of a journey"),
        (
            "default_journey",
            "xyz",
            "default_journey",
            '"xyz" is not known in the journeys of this realm',
        ),
        ("clients", {}, "clients", "must be a list of clients"),
        ("clients", ["c"], "clients[0]", "must be an object"),
    ],
)
def test_a_wrong_member_is_refused(name: str, value: object, path: str, problem: str) -> None:
    assert the_one(document(**{name: value})) == (path, problem)


HINTER = "https://hints.example.org"


@pytest.mark.parametrize(
    ("hinter", "path", "problem"),
    [
        ({"issuer": HINTER}, "", "must be a list of objects with issuer and one of jwks, jwks_uri"),
        ({"jwks": {"keys": [KEY, 5]}}, "[1].jwks.keys[1]", "a JWK is a JSON object"),
        ({"jwks": {"key": []}}, "[1].jwks", "a JWK Set has a member named keys, which is a list"),
        ({"jwks_uri": 5}, "[1].jwks_uri", "must be a string"),
        ({"jwks_uri": "http://hints.example.org/jwks"}, "[1].jwks_uri", "must begin with https://"),
        (
            {"jwks_uri": "https://10.0.0.7/jwks"},
            "[1].jwks_uri",
            "must not point to a private or special address",
        ),
        (
            {"jwks_uri": f"{HINTER}/" + "a" * 1000},
            "[1].jwks_uri",
            "must be at most 1000 characters long",
        ),
    ],
    ids=["neither", "bad key", "no set", "no string", "http", "private", "long"],
)
def test_the_keys_of_a_trusted_hint_issuer_are_ones_that_can_be_used(
    hinter: dict[str, Any], path: str, problem: str
) -> None:
    """The same is said whoever writes a realm: an import, or the admin."""
    good = {"issuer": "https://other.example.org", "jwks_uri": "https://other.example.org/jwks"}
    settings = {"trusted_hint_issuers": [good, {"issuer": HINTER, **hinter}]}
    given = {"realm": "/", "settings": settings}
    assert the_one(given) == (f"settings.trusted_hint_issuers{path}", problem)
    with pytest.raises(ValidationError) as refusal:
        Realm(name="root", settings=settings).clean()
    assert refusal.value.message_dict == {"settings": [f"trusted_hint_issuers{path} {problem}"]}


@override_settings(DJANGO_CIBA={"OUTBOUND_ALLOW_LOOPBACK": True})
def test_the_address_of_a_trusted_hint_issuers_keys_follows_the_sites_setting() -> None:
    settings = {"trusted_hint_issuers": [{"issuer": HINTER, "jwks_uri": "http://127.0.0.1:9/jwks"}]}
    assert faults({"realm": "/", "settings": settings}) == []
    Realm(name="root", settings=settings).clean()


def test_journeys_are_a_list_of_objects() -> None:
    assert the_one({"realm": "/", "journeys": {}}) == ("journeys", "must be a list of journeys")
    assert the_one({"realm": "/", "journeys": [5]}) == (
        "journeys[0]",
        "must be an object with name, start and nodes",
    )


def test_a_journey_is_checked_as_a_journey() -> None:
    given = document()
    nodes = given["journeys"][0]["nodes"]
    nodes["send"]["config"]["push_type"] = "nonsense"
    nodes["verify"]["type"] = "PushResultVerifyer"
    del given["journeys"][0]["name"]
    del given["acr_values"], given["default_journey"]
    paths = [path for path, _ in faults(given)]
    assert paths == [
        "journeys[0].name",
        "journeys[0].nodes.send.config.push_type",
        "journeys[0].nodes.verify.type",
    ]


@pytest.mark.parametrize(
    ("node", "option", "least"),
    [("send", "message_timeout", 1), ("wait", "seconds", 1), ("wait", "spam_tolerance", 0)],
)
def test_the_numbers_in_a_journey_have_bounds(node: str, option: str, least: int) -> None:
    given = document()
    for value in (least - 1, 10**12, 2**31):
        given["journeys"][0]["nodes"][node]["config"] = {option: value}
        assert the_one(given) == (
            f"journeys[0].nodes.{node}.config.{option}",
            f"must be a whole number from {least} to 2147483647",
        )
    for value in (least, 2**31 - 1):
        given["journeys"][0]["nodes"][node]["config"] = {option: value}
        assert faults(given) == []


def test_names_are_not_used_twice() -> None:
    given = document()
    for name in ("journeys", "acr_values", "clients"):
        given[name] = [*given[name], copy.deepcopy(given[name][0])]
    assert faults(given) == [
        ("journeys[1].name", "is that of [0] too"),
        ("acr_values[1].acr", "is that of [0] too"),
        ("clients[1].client_id", "is that of [0] too"),
    ]
    assert the_one([{"realm": "/a"}, {"realm": "/b"}, {"realm": "/a"}]) == (
        "[2].realm",
        "is that of [0] too: make them one",
    )


def test_a_mapping_may_name_a_journey_that_is_there_already() -> None:
    apply(below_root())
    given = {"realm": "/alpha", "acr_values": [{"acr": "x", "journey": "CIBA Push Journey"}]}
    assert faults(given) == []
    assert the_one({**given, "realm": "/beta"})[0] == "acr_values[0].journey"


def test_settings_of_the_same_document_decide_what_its_clients_may_be() -> None:
    given = document(settings={"scopes": ["openid"], "signing_algs": ["RS256"]})
    given["clients"][0]["id_token_signed_response_alg"] = "ES256"
    assert faults(given) == [
        ("clients[0].scope", "word 2 is not a scope of this realm (openid)"),
        (
            "clients[0].id_token_signed_response_alg",
            "is ES256, and this realm signs with RS256 (signing_algs)",
        ),
    ]


def test_push_where_the_same_document_allows_it_with_an_endpoint() -> None:
    given = document()
    given["clients"][0]["backchannel_token_delivery_mode"] = "push"
    assert [path for path, _ in faults(given)] == [
        "clients[0].backchannel_token_delivery_mode",
        "clients[0].backchannel_client_notification_endpoint",
    ]
    given["settings"]["push_delivery"] = True
    given["clients"][0]["backchannel_client_notification_endpoint"] = "https://rp.example.com/ciba"
    assert faults(given) == []


def test_what_postgresql_cannot_store_is_a_fault() -> None:
    given = document()
    given["journeys"][0]["nodes"]["wait"]["config"]["note\x00"] = 1
    given["settings"]["binding_message_pattern"] = "\x00"
    found = faults(given)
    nul = "holds a NUL character, which a database does not store"
    assert ("settings.binding_message_pattern", nul) in found
    assert ("journeys[0].nodes.wait.config", nul) in found


def test_a_document_that_is_too_deep_is_refused_before_anything_walks_it() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}
    assert the_one({"realm": "/", "settings": deep}) == ("", "is JSON nested too deeply")


# --- the file -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "is not JSON: line 1, column 1: Expecting value"),
        (
            b'{\n  "realm": "/",\n}',
            "is not JSON: line 2, column 16: Illegal trailing comma before end of object",
        ),
        (b'{"realm": "/\xff"}', "is not UTF-8 (byte 12)"),
        (b"[" * 200_000, "is JSON nested too deeply"),
        (b'{"a":' * 200_000, "is JSON nested too deeply"),
        (b"[NaN]", "is not JSON that we read: NaN is not JSON"),
        (b"[-Infinity]", "is not JSON that we read: -Infinity is not JSON"),
        (b"[1e999]", "is not JSON that we read: it holds a number that is too large"),
        (
            b"[" + b"9" * 5000 + b"]",
            "is not JSON that we read: it holds a number of more than 100 digits",
        ),
        (b" " * (32 * 1024 * 1024 + 1), "is larger than 33554432 bytes"),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else "",
)
def test_a_file_that_is_not_json_is_refused_with_the_place(text: bytes, problem: str) -> None:
    with pytest.raises(InvalidDocument) as refusal:
        read(text)
    ((path, message),) = refusal.value.problems
    assert path == ""
    if "trailing comma" in problem:  # Python 3.13 says it better than those before it
        assert message.startswith("is not JSON: line ")
    else:
        assert message == problem


def test_a_member_that_is_written_twice_is_found_at_its_place() -> None:
    text = b'{"realm": "/", "realm": "/", "clients": [{"client_id": "a", "client_id": "b"}]}'
    assert [str(each) for each in document_problems(read(text))][:2] == [
        "realm: is written more than once",
        "clients[0].client_id: is written more than once",
    ]


def test_huge_numbers_and_half_characters_are_faults_with_a_path() -> None:
    text = b'{"realm": "/", "settings": {"polling_interval": 99999999999999999999, "a": "\\ud800"}}'
    found = faults(read(text))
    assert ("settings.polling_interval", "is a number beyond 9007199254740991") in found
    assert ("settings.a", "holds half a character (a lone surrogate)") in found


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read(b'\xef\xbb\xbf{"realm": "/"}') == {"realm": "/"}


# --- export ---------------------------------------------------------------------------------------


def test_an_exported_realm_imports_as_no_change() -> None:
    apply(below_root())
    before = everything()
    documents = json.loads(json.dumps([export("/"), export("/alpha")]))
    assert lines(documents) == []
    assert everything() == before


def test_an_export_is_the_document_without_secrets() -> None:
    apply(below_root())
    given = document()
    del given["clients"][0]["client_secret"]
    exported = export("/alpha")
    text = json.dumps(exported)
    client = Client.objects.get()
    assert SECRET not in text
    assert client.secret_digest not in text
    assert "PRIVATE KEY" not in text
    assert exported["clients"] == [metadata_of(client)]
    assert exported["clients"][0].items() >= given.pop("clients")[0].items()
    assert {name: exported[name] for name in given} == given


def test_an_export_meets_a_database_that_lacks_the_secret() -> None:
    apply(below_root())
    exported = export("/alpha")
    Client.objects.all().delete()
    assert the_one(exported) == (
        "clients[0].client_secret",
        "is missing: client_secret_basic needs one of at least 32 characters",
    )


def test_a_journey_that_was_stored_with_its_name_exports_and_imports() -> None:
    apply(below_root())
    journey = Journey.objects.get()
    journey.document = {"name": "another", **journey.document}
    journey.save()
    exported = export("/alpha")
    assert exported["journeys"][0]["name"] == "CIBA Push Journey"
    assert lines(exported) == []


def test_there_is_no_document_of_a_realm_that_is_not_there() -> None:
    with pytest.raises(Realm.DoesNotExist):
        export("/nowhere")


def test_the_public_names() -> None:
    assert set(realm_document.__all__) == {
        "Change",
        "InvalidDocument",
        "apply",
        "document_problems",
        "export",
        "read",
        "repeated_members",
    }
