"""The signed authentication request: one `request` parameter, and everything inside it."""

from typing import Any

import pytest

from django_ciba.jose import ASYMMETRIC_ALGS, sign
from django_ciba.models import AuthenticationRequest, Realm, UsedAssertion
from tests.conformance.conftest import ISSUER, RelyingParties
from tests.conformance.wire import NOW, accepted, at, refused
from tests.provider import find, key, make_client, make_realm
from tests.relying_party import RelyingParty, compact

UNSIGNED = "Request must have a 'request' parameter the value of which must be a signed jwt"
UNREASONABLE = "JWT expiration time is unreasonable"


def faulty(answer: Any, words: str) -> None:
    """Every fault of a request object is 400 invalid_request, and names the parameter."""
    refused(answer, "invalid_request", words)
    assert answer.json()["error_description"].startswith("request: ")


# --- whether it is there -----------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "7.1.1")
def test_a_client_must_sign_by_default_and_hears_it_in_the_words_of_the_seeds(
    rp: RelyingParty,
) -> None:
    claims = {"scope": "openid", "login_hint": "alice"}
    answer = refused(rp.post("bc-authorize", claims), "invalid_request")
    assert answer.json()["error_description"] == UNSIGNED


@pytest.mark.requirement("RFC 6749", "3.1")
def test_an_empty_request_parameter_counts_as_absent(rp: RelyingParty) -> None:
    refused(rp.send(""), "invalid_request", UNSIGNED)


@pytest.mark.requirement("CIBA Core", "7.1.1")
def test_a_client_that_need_not_sign_may_and_then_it_is_held_to_it(
    relying_party: RelyingParties,
) -> None:
    rp = relying_party(require_signed_request_object=False)
    accepted(rp.authenticate())
    accepted(rp.send(rp.signed_request()))
    stranger = sign(rp.request_claims(), key("ES256", "stranger"))
    refused(rp.send(stranger), "invalid_request", "no registered key fits", stored=2)
    beside = rp.send("no jwt", scope="openid", login_hint="alice")
    refused(beside, "invalid_request", "three parts", stored=2)


@pytest.mark.requirement("CIBA Core", "7.1.1")
def test_request_uri_is_refused_and_nothing_is_fetched(rp: RelyingParty) -> None:
    refused(
        rp.post("bc-authorize", {"request_uri": "https://rp.example/request"}),
        "invalid_request",
        "request_uri is not supported",
    )
    answer = rp.send(rp.signed_request(), request_uri="https://rp.example/request")
    refused(answer, "invalid_request", "request_uri is not supported")


@pytest.mark.requirement("CIBA Core", "7.1.1")
@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("x", "three parts"),
        ("a.b", "three parts"),
        ("a.b.c.d.e", "encrypted requests are not taken here"),
        ("..", "the JWT header"),
        ("a.b.c", "the JWT header"),
        ("x" * 16_385, "at most 16384 characters"),
    ],
)
def test_what_is_no_signed_jwt_is_refused(rp: RelyingParty, token: str, words: str) -> None:
    faulty(rp.send(token), words)


# --- keys and algorithms -----------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "7.1.1")
@pytest.mark.parametrize("alg", ASYMMETRIC_ALGS)
def test_each_asymmetric_algorithm_is_taken(relying_party: RelyingParties, alg: str) -> None:
    accepted(relying_party(alg=alg).authenticate())
    registered = relying_party(
        client_id="registered", alg=alg, backchannel_authentication_request_signing_alg=alg
    )
    accepted(registered.authenticate())


@pytest.mark.requirement("CIBA Core", "4")
@pytest.mark.parametrize("registered", [each for each in ASYMMETRIC_ALGS if each != "ES256"])
def test_a_registered_algorithm_is_the_only_one_taken(
    relying_party: RelyingParties, registered: str
) -> None:
    rp = relying_party(backchannel_authentication_request_signing_alg=registered)
    faulty(rp.authenticate(), f"alg must be {registered}")


@pytest.mark.requirement("RFC 8725", "3.1")
@pytest.mark.parametrize("alg", ["none", "NONE", "HS256", "ES256K", "RS1", "dir", "ES512", ""])
def test_any_other_algorithm_is_refused_with_those_that_fit(rp: RelyingParty, alg: str) -> None:
    token = compact({"alg": alg}, rp.request_claims(), rp.key)
    faulty(rp.send(token), "alg must be ES256 or PS256 or RS256 or EdDSA")


@pytest.mark.requirement("RFC 7515", "5.2")
def test_another_key_an_altered_payload_and_a_cut_signature_do_not_verify(
    rp: RelyingParty, realm: Realm
) -> None:
    stranger = key("ES256", "stranger")
    make_client(realm, client_id="bank", jwks={"keys": [stranger.public_jwk]})
    faulty(rp.send(sign(rp.request_claims(), stranger)), "no registered key fits kid and alg")
    nameless = compact({"alg": "ES256"}, rp.request_claims(), stranger)
    faulty(rp.send(nameless), "the signature does not verify")
    header, _, signature = rp.signed_request().split(".")
    payload = rp.signed_request(login_hint="mallory").split(".")[1]
    faulty(rp.send(f"{header}.{payload}.{signature}"), "the signature does not verify")
    good = rp.signed_request()
    faulty(rp.send(good[: good.rindex(".") + 1]), "the signature does not verify")


@pytest.mark.requirement("RFC 7515", "4.1.4")
def test_a_header_without_kid_is_tried_with_the_clients_keys(rp: RelyingParty) -> None:
    accepted(rp.send(compact({"alg": "ES256"}, rp.request_claims(), rp.key)))


@pytest.mark.requirement("RFC 7515", "4.1.4")
def test_a_kid_that_no_key_has_is_refused(rp: RelyingParty) -> None:
    token = compact({"alg": "ES256", "kid": "other"}, rp.request_claims(), rp.key)
    faulty(rp.send(token), "no registered key fits kid and alg")


@pytest.mark.requirement("RFC 8725", "3.10")
def test_keys_and_addresses_in_the_header_are_ignored(rp: RelyingParty) -> None:
    stranger = key("ES256", "stranger")
    header = {
        "alg": "ES256",
        "jwk": stranger.public_jwk,
        "jku": "https://evil.example/keys",
        "x5u": "https://evil.example/certificate",
        "x5c": ["AAAA"],
    }
    faulty(rp.send(compact(header, rp.request_claims(), stranger)), "does not verify")
    accepted(rp.send(compact(header, rp.request_claims(), rp.key)))


@pytest.mark.requirement("RFC 7515", "4.1.11")
@pytest.mark.parametrize(
    "header", [{"crit": ["exp"], "exp": 1}, {"crit": []}, {"b64": False}, {"zip": "DEF"}]
)
def test_header_extensions_are_refused(rp: RelyingParty, header: dict[str, Any]) -> None:
    (name,) = {"crit", "b64", "zip"} & set(header)
    token = compact({"alg": "ES256", **header}, rp.request_claims(), rp.key)
    faulty(rp.send(token), f"{name} is not supported")


@pytest.mark.requirement("RFC 9101", "10.8")
@pytest.mark.parametrize(
    "typ",
    ["JWT", "jwt", "oauth-authz-req+jwt", "OAuth-Authz-Req+JWT", "application/oauth-authz-req+jwt"],
)
def test_typ_is_taken_in_any_case(rp: RelyingParty, typ: str) -> None:
    accepted(rp.send(sign(rp.request_claims(), rp.key, typ=typ)))


@pytest.mark.requirement("RFC 8725", "3.11")
@pytest.mark.parametrize("typ", ["client-authentication+jwt", "at+jwt", "dpop+jwt", "JOSE", ""])
def test_a_jwt_that_is_typed_for_another_place_is_refused(rp: RelyingParty, typ: str) -> None:
    faulty(rp.send(sign(rp.request_claims(), rp.key, typ=typ)), "typ does not say")


@pytest.mark.requirement("Protocol", "3")
def test_a_client_without_keys_cannot_sign(relying_party: RelyingParties) -> None:
    faulty(relying_party(jwks=None).authenticate(), "no registered key fits kid and alg")


# --- iss, aud ----------------------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "7.1.1")
@pytest.mark.parametrize("iss", [None, "", "another", ["shop"], 1, True, {"shop": 1}, "shop\0"])
def test_iss_is_the_client_id(rp: RelyingParty, iss: Any) -> None:
    faulty(rp.authenticate(iss=iss), "iss must be the client_id")


@pytest.mark.requirement("RFC 9101", "5")
def test_a_client_id_inside_must_agree(rp: RelyingParty) -> None:
    faulty(rp.authenticate(client_id="another"), "client_id differs")
    accepted(rp.authenticate(client_id="shop"))


@pytest.mark.requirement("CIBA Core", "7.1.1")
@pytest.mark.parametrize(
    "aud",
    [
        ISSUER,
        f"{ISSUER}/realms/root",
        f"{ISSUER}/bc-authorize",
        "https://op.example.com:443/oauth2",
        "https://op.example.com:443/oauth2/realms/root",
        "HTTPS://OP.EXAMPLE.COM/oauth2",
        [ISSUER],
        ["https://other.example.com", ISSUER],
    ],
)
def test_aud_holds_the_issuer(rp: RelyingParty, aud: Any) -> None:
    accepted(rp.authenticate(aud=aud))


@pytest.mark.requirement("CIBA Core", "7.1.1")
@pytest.mark.parametrize(
    "aud",
    [
        None,
        "",
        "https://other.example.com/oauth2",
        "https://op.example.com",
        "https://op.example.com:8443/oauth2",
        "http://op.example.com:443/oauth2",
        "https://op.example.com/OAuth2",
        f"{ISSUER}/",
        f"{ISSUER}/realms/root/realms/alpha",
        ["https://other.example.com/oauth2"],
    ],
)
def test_an_aud_without_the_issuer_is_refused(rp: RelyingParty, realm: Realm, aud: Any) -> None:
    make_realm("alpha", realm)
    faulty(rp.authenticate(aud=aud), f"aud must hold the issuer, {ISSUER}")


@pytest.mark.requirement("RFC 7519", "4.1.3")
@pytest.mark.parametrize("aud", [[], [1], [ISSUER, None], 1, True, {"aud": ISSUER}, [[ISSUER]]])
def test_an_aud_that_is_no_string_or_list_of_strings_is_refused(rp: RelyingParty, aud: Any) -> None:
    faulty(rp.authenticate(aud=aud), "aud must be a string or a list of strings")


@pytest.mark.requirement("Protocol", "2")
def test_the_mount_alone_means_the_root_realm_and_no_other(
    relying_party: RelyingParties, realm: Realm
) -> None:
    accepted(relying_party().authenticate(aud=ISSUER))
    rp = relying_party(realm=make_realm("alpha", realm))
    answer = rp.authenticate(aud=ISSUER)
    refused(answer, "invalid_request", "aud must hold the issuer", stored=1)
    accepted(rp.authenticate(aud=f"{ISSUER}/realms/root/realms/alpha"))


@pytest.mark.requirement("Protocol", "1")
def test_an_overridden_issuer_and_the_address_both_mean_the_realm(
    rp: RelyingParty, realm: Realm
) -> None:
    realm.issuer_override = "https://id.bank.example"
    realm.save()
    accepted(rp.authenticate(aud="https://id.bank.example"))
    accepted(rp.authenticate(aud=ISSUER))


# --- times and jti -----------------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "7.1.1")
@pytest.mark.parametrize(
    ("exp", "words"),
    [
        (None, "claim exp is needed"),
        (NOW - 30, "claim exp lies in the past"),
        (0, "claim exp lies in the past"),
        (-1, "claim exp is not a sensible date"),
        (True, "claim exp must be a number"),
        (False, "claim exp must be a number"),
        (str(NOW + 60), "claim exp must be a number"),
        ([NOW + 60], "claim exp must be a number"),
        ({}, "claim exp must be a number"),
    ],
)
def test_exp_is_needed_as_a_number_that_lies_ahead(rp: RelyingParty, exp: Any, words: str) -> None:
    with at():
        faulty(rp.authenticate(exp=exp), words)


@pytest.mark.requirement("PingAM", "bc-authorize", row="exp")
@pytest.mark.parametrize(
    "exp", [NOW + 1801, NOW + 1800.001, (NOW + 300) * 1000, 2**63, 10**4000, 1e300]
)
def test_exp_more_than_30_minutes_ahead_is_unreasonable_to_the_letter(
    rp: RelyingParty, exp: float
) -> None:
    with at():
        answer = refused(rp.authenticate(exp=exp), "invalid_request")
    assert answer.json()["error_description"] == UNREASONABLE


@pytest.mark.requirement("PingAM", "bc-authorize", row="exp")
@pytest.mark.parametrize("exp", [NOW - 29, NOW, NOW + 1, NOW + 60.5, NOW + 1799, NOW + 1800])
def test_exp_is_taken_to_the_last_second_of_the_leeway_and_of_30_minutes(
    rp: RelyingParty, exp: float
) -> None:
    with at():
        accepted(rp.authenticate(exp=exp))


@pytest.mark.requirement("RFC 7519", "4.1.4")
def test_the_leeway_is_the_sites_own(rp: RelyingParty, settings: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "CLOCK_LEEWAY": 0}
    with at():
        faulty(rp.authenticate(exp=NOW), "claim exp lies in the past")
        accepted(rp.authenticate(exp=NOW + 1))
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "CLOCK_LEEWAY": 60}
    with at():
        accepted(rp.authenticate(exp=NOW - 59))
        answer = rp.authenticate(exp=NOW - 60)
        refused(answer, "invalid_request", "claim exp lies in the past", stored=2)


@pytest.mark.requirement("RFC 7519", "4.1.5")
@pytest.mark.requirement("RFC 7519", "4.1.6")
@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_nbf_and_iat_hold_when_they_are_there(rp: RelyingParty, claim: str) -> None:
    with at():
        faulty(rp.authenticate(**{claim: NOW + 31}), f"claim {claim} lies in the future")
        faulty(rp.authenticate(**{claim: "now"}), f"claim {claim} must be a number")
        faulty(rp.authenticate(**{claim: -1}), f"claim {claim} is not a sensible date")
        accepted(rp.authenticate(**{claim: NOW + 30}))
        accepted(rp.authenticate(**{claim: 0}))


@pytest.mark.requirement("Protocol", "3", row="profile ciba")
def test_iat_nbf_and_jti_are_not_needed(rp: RelyingParty) -> None:
    assert not {"iat", "nbf", "jti"} & set(rp.request_claims())
    accepted(rp.authenticate())
    accepted(rp.authenticate())  # and without a jti, the same request may be sent again


@pytest.mark.requirement("RFC 7519", "4.1.7")
def test_a_request_with_a_jti_is_taken_once(
    rp: RelyingParty, relying_party: RelyingParties
) -> None:
    token = rp.signed_request(jti="one")
    accepted(rp.send(token))
    refused(rp.send(token), "invalid_request", "jti has been used", stored=1)
    another = rp.signed_request(jti="one", binding_message="Another")
    refused(rp.send(another), "invalid_request", "jti has been used", stored=1)
    accepted(rp.authenticate(jti="two"))
    bank = relying_party(client_id="bank")
    accepted(bank.authenticate(jti="one"))


@pytest.mark.requirement("RFC 7519", "4.1.7")
def test_the_jti_of_an_assertion_and_of_a_request_may_be_the_same(
    relying_party: RelyingParties,
) -> None:
    rp = relying_party(token_endpoint_auth_method="private_key_jwt")
    parameters = {
        "request": rp.signed_request(jti="one"),
        "client_assertion_type": rp.credentials()[0]["client_assertion_type"],
        "client_assertion": rp.assertion(jti="one"),
    }
    accepted(rp.post("bc-authorize", parameters, authenticated=False))


@pytest.mark.requirement("RFC 7519", "4.1.7")
@pytest.mark.parametrize("changes", [{"login_hint": "nobody"}, {"scope": "profile"}])
def test_a_refused_request_consumes_no_jti(rp: RelyingParty, changes: dict[str, Any]) -> None:
    assert rp.authenticate(jti="one", **changes).status_code == 400
    assert not UsedAssertion.objects.exists()
    accepted(rp.authenticate(jti="one"))


@pytest.mark.requirement("RFC 7519", "4.1.7")
@pytest.mark.parametrize("jti", ["", 7, True, ["a"], {"a": 1}])
def test_a_jti_is_a_text(rp: RelyingParty, jti: Any) -> None:
    faulty(rp.authenticate(jti=jti), "jti must be a non-empty string")


@pytest.mark.requirement("RFC 7519", "4.1.7")
@pytest.mark.parametrize("jti", ["x" * 8000, "\0", "\U0001f511"])
def test_a_jti_may_be_any_text(rp: RelyingParty, jti: str) -> None:
    accepted(rp.authenticate(jti=jti))
    refused(rp.authenticate(jti=jti), "invalid_request", "jti has been used", stored=1)


# --- inside and beside -------------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "7.1.1")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scope", "openid"),
        ("login_hint", "bob"),
        ("id_token_hint", "a.b.c"),
        ("login_hint_token", "a.b.c"),
        ("acr_values", "push"),
        ("binding_message", "Something else"),
        ("user_code", "1234"),
        ("requested_expiry", "60"),
        ("client_notification_token", "8d67dc78-7faa-4d41-aabd-67707b374255"),
    ],
)
def test_a_parameter_beside_the_signed_request_is_refused(
    rp: RelyingParty, name: str, value: str
) -> None:
    words = f"{name} must stand inside the signed request, not beside it"
    refused(rp.send(rp.signed_request(), **{name: value}), "invalid_request", words)


@pytest.mark.requirement("Protocol", "3")
def test_a_parameter_beside_that_equals_the_one_inside_changes_nothing(rp: RelyingParty) -> None:
    token = rp.signed_request()
    accepted(rp.send(token, scope="openid profile", login_hint="alice"))
    refused(rp.send(token, scope="profile openid"), "invalid_request", "scope must stand", stored=1)


@pytest.mark.requirement("CIBA Core", "7.1.1")
def test_what_is_no_request_parameter_may_stand_beside(rp: RelyingParty) -> None:
    accepted(
        rp.send(rp.signed_request(), client_id="shop", state="abc", scope="", nonce="n-0S6", foo="")
    )


@pytest.mark.requirement("CIBA Core", "7.1.1")
def test_everything_is_read_from_inside(rp: RelyingParty) -> None:
    auth_req_id = accepted(
        rp.authenticate(
            scope="openid email",
            acr_values="push",
            binding_message="Inside",
            requested_expiry=90,
            ui_locales="de en",
        )
    )
    row = find(auth_req_id)
    assert (row.scope, row.acr, row.binding_message) == ("openid email", "push", "Inside")
    assert row.ui_locales == "de en"
    assert (row.expires_at - row.created_at).total_seconds() == 90


@pytest.mark.requirement("RFC 6749", "3.1")
@pytest.mark.parametrize("nothing", ["", None])
def test_null_and_empty_claims_count_as_absent(rp: RelyingParty, nothing: str | None) -> None:
    claims = {
        **rp.request_claims(),
        "id_token_hint": nothing,
        "login_hint_token": nothing,
        "acr_values": nothing,
        "binding_message": nothing,
        "user_code": nothing,
        "requested_expiry": nothing,
        "client_notification_token": nothing,
        "ui_locales": nothing,
        "client_id": None,
        "nbf": None,
        "iat": None,
        "jti": None,
    }
    row = find(accepted(rp.send(sign(claims, rp.key))))
    assert (row.acr, row.binding_message) == ("", "")


@pytest.mark.requirement("RFC 7519", "4")
def test_unknown_claims_are_ignored(rp: RelyingParty) -> None:
    accepted(
        rp.authenticate(
            sub="whoever", purpose="payment", request="a.b.c", amount=10, nested={"a": [1, {}]}
        )
    )
    assert AuthenticationRequest.objects.count() == 1
