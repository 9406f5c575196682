"""Client assertions: the rules that private_key_jwt and client_secret_jwt share (RFC 7523)."""

from typing import Any

import pytest

from django_ciba.jose import sign
from django_ciba.models import Realm, UsedAssertion
from tests.conformance.assertions import send, unproved
from tests.conformance.conftest import ISSUER, RelyingParties
from tests.conformance.wire import NOW, accepted, at, refused
from tests.provider import make_realm
from tests.relying_party import ASSERTION_TYPE, RelyingParty, compact


@pytest.fixture(params=["private_key_jwt", "client_secret_jwt"])
def method(request: pytest.FixtureRequest) -> str:
    """Every test holds for both."""
    return str(request.param)


@pytest.fixture
def rp(relying_party: RelyingParties, method: str) -> RelyingParty:
    return relying_party(token_endpoint_auth_method=method)


# --- claims ------------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 7523", "3", row="1, 2")
@pytest.mark.parametrize(
    "changes",
    [
        {"iss": None},
        {"sub": None},
        {"iss": None, "sub": None},
        {"iss": "another"},
        {"sub": "another"},
        {"iss": "", "sub": ""},
        {"iss": ["shop"], "sub": ["shop"]},
        {"iss": {"shop": "shop"}, "sub": {"shop": "shop"}},
        {"iss": 1, "sub": 1},
        {"iss": True, "sub": True},
    ],
)
def test_iss_and_sub_must_both_be_the_client_id(rp: RelyingParty, changes: dict[str, Any]) -> None:
    unproved(send(rp, rp.assertion(**changes)), "iss and sub must both be the client_id")


@pytest.mark.requirement("RFC 7523", "3", row="1")
def test_a_client_id_with_nul_is_looked_for_in_no_database(rp: RelyingParty) -> None:
    unproved(send(rp, rp.assertion(iss="shop\0", sub="shop\0")), "iss holds NUL")


@pytest.mark.requirement("RFC 7521", "4.2")
def test_a_client_id_beside_the_assertion_must_agree(rp: RelyingParty) -> None:
    answer = send(rp, rp.assertion(), client_id="another")
    refused(answer, "invalid_client", "client_id differs", status=401)
    accepted(send(rp, rp.assertion(), client_id="shop"))


@pytest.mark.requirement("RFC 7523", "3", row="3")
@pytest.mark.parametrize(
    "aud",
    [
        ISSUER,
        f"{ISSUER}/access_token",
        f"{ISSUER}/bc-authorize",
        f"{ISSUER}/realms/root",
        f"{ISSUER}/realms/root/access_token",
        f"{ISSUER}/realms/root/bc-authorize",
        "https://op.example.com:443/oauth2",
        "HTTPS://OP.example.com/oauth2",
        [ISSUER],
        [f"{ISSUER}/access_token", ISSUER],
    ],
)
def test_the_audience_is_the_issuer_or_an_endpoint(rp: RelyingParty, aud: Any) -> None:
    accepted(send(rp, rp.assertion(aud=aud)))


@pytest.mark.requirement("RFC 7523", "3", row="3")
@pytest.mark.parametrize(
    "aud",
    [
        None,
        "",
        "https://other.example.com/oauth2",
        "http://op.example.com/oauth2",
        "https://op.example.com:8443/oauth2",
        f"{ISSUER}/",
        f"{ISSUER}/userinfo",
        f"{ISSUER}/realms/root/realms/alpha",
        "https://op.example.com",
        [ISSUER, "https://other.example.com/oauth2"],
        ["https://other.example.com/oauth2"],
    ],
)
def test_any_other_audience_is_refused(rp: RelyingParty, realm: Realm, aud: Any) -> None:
    make_realm("alpha", realm)
    taken = f"aud must be the issuer, {ISSUER}, or the token or backchannel endpoint"
    unproved(send(rp, rp.assertion(aud=aud)), taken)


@pytest.mark.requirement("RFC 8705", "5")
@pytest.mark.parametrize("end", ["/access_token", "/bc-authorize", "/realms/root/access_token"])
def test_the_audience_may_be_an_endpoints_alias_for_client_certificates(
    rp: RelyingParty, settings: Any, end: str
) -> None:
    there = "https://mtls.op.example.com/oauth2"
    unproved(send(rp, rp.assertion(aud=there + end)), "aud must be the issuer")
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "MTLS_ENDPOINTS": there}
    rp.client.realm.save()  # what a process holds of a realm is read anew
    unproved(send(rp, rp.assertion(aud=f"{there}/userinfo")), "aud must be the issuer")
    accepted(send(rp, rp.assertion(aud=there + end)))


@pytest.mark.requirement("RFC 7519", "4.1.3")
@pytest.mark.parametrize("aud", [[], [1], [ISSUER, None], 1, True, {"aud": ISSUER}, [[ISSUER]]])
def test_an_audience_that_is_no_string_or_list_of_strings_is_refused(
    rp: RelyingParty, aud: Any
) -> None:
    unproved(send(rp, rp.assertion(aud=aud)), "aud must be a string or a list of strings")


@pytest.mark.requirement("RFC 7523", "3", row="3")
def test_the_audience_of_a_nested_realm_is_its_own(
    relying_party: RelyingParties, realm: Realm, method: str
) -> None:
    alpha = make_realm("alpha", realm)
    rp = relying_party(realm=alpha, token_endpoint_auth_method=method)
    unproved(send(rp, rp.assertion(aud=ISSUER)), "aud must be the issuer")
    accepted(send(rp, rp.assertion(aud=f"{ISSUER}/realms/root/realms/alpha/access_token")))


@pytest.mark.requirement("RFC 7523bis", "4")
def test_a_client_may_be_held_to_the_issuer_alone(
    relying_party: RelyingParties, method: str
) -> None:
    rp = relying_party(token_endpoint_auth_method=method, issuer_only_audience=True)
    answer = send(rp, rp.assertion(aud=f"{ISSUER}/access_token"))
    unproved(answer, "aud must be the issuer")
    assert "endpoint" not in answer.json()["error_description"]
    accepted(send(rp, rp.assertion(aud=ISSUER)))


@pytest.mark.requirement("RFC 7523", "3", row="4")
@pytest.mark.parametrize(
    ("exp", "words"),
    [
        (None, "claim exp is needed"),
        (NOW - 30, "claim exp lies in the past"),
        (NOW - 3600, "claim exp lies in the past"),
        (NOW + 1801, "exp must be at most 30 minutes ahead"),
        (NOW * 1000, "claim exp is not a sensible date"),
        (2**63, "claim exp is not a sensible date"),
        (-1, "claim exp is not a sensible date"),
        (True, "claim exp must be a number"),
        (str(NOW + 60), "claim exp must be a number"),
        ([NOW + 60], "claim exp must be a number"),
    ],
)
def test_exp_is_needed_and_lies_between_now_and_30_minutes_ahead(
    rp: RelyingParty, exp: Any, words: str
) -> None:
    with at():
        unproved(send(rp, rp.assertion(exp=exp)), words)


@pytest.mark.requirement("RFC 7523", "3", row="4")
@pytest.mark.parametrize("exp", [NOW - 29, NOW + 1, NOW + 60.5, NOW + 1800])
def test_exp_is_taken_to_the_last_second_of_the_leeway_and_of_30_minutes(
    rp: RelyingParty, exp: float
) -> None:
    with at():
        accepted(send(rp, rp.assertion(exp=exp)))


@pytest.mark.requirement("RFC 7523", "3", row="5, 6")
@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_an_assertion_from_the_future_is_refused_beyond_the_leeway(
    rp: RelyingParty, claim: str
) -> None:
    with at():
        early = rp.assertion(**{claim: NOW + 31})
        unproved(send(rp, early), f"claim {claim} lies in the future")
        accepted(send(rp, rp.assertion(**{claim: NOW + 30})))


@pytest.mark.requirement("RFC 7523", "3", row="7")
@pytest.mark.parametrize("jti", [None, "", 7, ["a"], {"a": "b"}, True])
def test_an_assertion_needs_a_jti(rp: RelyingParty, jti: Any) -> None:
    unproved(send(rp, rp.assertion(jti=jti)), "jti is missing")


@pytest.mark.requirement("RFC 7523", "3", row="7")
def test_a_jti_is_consumed_once_at_whatever_endpoint(rp: RelyingParty) -> None:
    assertion = rp.assertion()
    auth_req_id = accepted(send(rp, assertion))
    answer = rp.post(
        "access_token",
        {
            "grant_type": "urn:openid:params:grant-type:ciba",
            "auth_req_id": auth_req_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        },
        authenticated=False,
    )
    refused(answer, "invalid_client", "jti has been used", status=401, stored=1)
    refused(send(rp, assertion), "invalid_client", "jti has been used", status=401, stored=1)


@pytest.mark.requirement("RFC 7523", "3", row="7")
def test_a_jti_is_consumed_per_client(
    rp: RelyingParty, relying_party: RelyingParties, method: str
) -> None:
    bank = relying_party(client_id="bank", token_endpoint_auth_method=method)
    accepted(send(rp, rp.assertion(jti="one")))
    accepted(send(bank, bank.assertion(jti="one")))


@pytest.mark.requirement("RFC 7523", "3", row="7")
def test_a_refused_assertion_consumes_no_jti(rp: RelyingParty) -> None:
    unproved(send(rp, rp.assertion(jti="one", aud="https://other.example")), "aud must be")
    assert not UsedAssertion.objects.exists()
    accepted(send(rp, rp.assertion(jti="one")))


@pytest.mark.requirement("RFC 7523", "3", row="7")
@pytest.mark.parametrize("jti", ["x" * 8000, "\0", "\U0001f511", "' OR 1=1 --"])
def test_a_jti_may_be_any_text(rp: RelyingParty, jti: str) -> None:
    accepted(send(rp, rp.assertion(jti=jti)))
    answer = send(rp, rp.assertion(jti=jti))
    refused(answer, "invalid_client", "jti has been used", status=401, stored=1)


# --- form --------------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 7521", "4.2")
@pytest.mark.parametrize(
    "name",
    ["", "jwt-bearer", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"],
)
def test_the_assertion_type_is_named_to_the_letter(rp: RelyingParty, name: str) -> None:
    answer = send(rp, rp.assertion(), client_assertion_type=name)
    unproved(answer, f"client_assertion_type must be {ASSERTION_TYPE}")


@pytest.mark.requirement("RFC 7521", "4.2")
def test_an_assertion_type_without_an_assertion_is_refused(rp: RelyingParty) -> None:
    unproved(send(rp, ""), "client_assertion is missing")


@pytest.mark.requirement("RFC 7523", "3", row="9")
@pytest.mark.parametrize(
    ("assertion", "words"),
    [
        ("x", "three parts"),
        ("a.b", "three parts"),
        ("a.b.c.d.e", "three parts"),
        ("..", "header: "),
        ("a.b.c", "header: "),
        ("£.£.£", "header: "),
        ("x" * 16_385, "at most 16384 characters"),
    ],
)
def test_what_is_no_signed_jwt_is_refused(rp: RelyingParty, assertion: str, words: str) -> None:
    unproved(send(rp, assertion), words)


@pytest.mark.requirement("RFC 8725", "3.1")
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
def test_alg_none_proves_nothing(rp: RelyingParty, alg: str) -> None:
    unproved(send(rp, compact({"alg": alg}, rp.assertion_claims())), "alg must be ")
    beheaded = rp.assertion().rpartition(".")[0] + "."
    unproved(send(rp, beheaded), "the signature does not verify")


@pytest.mark.requirement("Protocol", "2")
def test_a_signed_request_is_no_assertion(rp: RelyingParty) -> None:
    unproved(send(rp, rp.signed_request()), "iss and sub must both be the client_id")


def typed(rp: RelyingParty, typ: str) -> str:
    """An assertion with that `typ` in its header."""
    if rp.client.token_endpoint_auth_method == "client_secret_jwt":
        return compact({"alg": "HS256", "typ": typ}, rp.assertion_claims(), rp.secret.encode())
    return sign(rp.assertion_claims(), rp.key, typ=typ)


@pytest.mark.requirement("RFC 7515", "4.1.9")
@pytest.mark.parametrize(
    "typ", ["JWT", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"]
)
def test_the_typ_of_an_assertion_is_taken_in_any_case(rp: RelyingParty, typ: str) -> None:
    accepted(send(rp, typed(rp, typ)))


@pytest.mark.requirement("RFC 8725", "3.11")
@pytest.mark.parametrize("typ", ["oauth-authz-req+jwt", "at+jwt", "dpop+jwt", ""])
def test_a_jwt_that_is_typed_for_another_place_is_no_assertion(rp: RelyingParty, typ: str) -> None:
    unproved(send(rp, typed(rp, typ)), "typ does not say")
