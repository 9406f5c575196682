"""DPoP over HTTP (RFC 9449): proofs, nonces, bound tokens at the token endpoint and UserInfo."""

from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_ciba.jose import PrivateKey, base64url
from django_ciba.models import AuthenticationRequest, Grant, Realm, Token, UsedProof
from tests.conformance.conftest import ISSUER, RelyingParties
from tests.conformance.wire import NOW, at
from tests.proofs import ProofMaker, ath
from tests.provider import approve, find, key
from tests.relying_party import Answer, RelyingParty, claims_of

TOKEN_ENDPOINT = f"{ISSUER}/access_token"
USERINFO = f"{ISSUER}/userinfo"
ALGS = 'algs="ES256 PS256 RS256 EdDSA"'


@pytest.fixture
def maker() -> ProofMaker:
    return ProofMaker(key("ES256", "dpop"))


@pytest.fixture
def bound(relying_party: RelyingParties) -> RelyingParty:
    """A client that must bind its tokens."""
    return relying_party(dpop_bound_access_tokens=True)


@pytest.fixture
def approved(rp: RelyingParty) -> str:
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    return auth_req_id


def poll(rp: RelyingParty, auth_req_id: str, maker: ProofMaker, **changes: Any) -> Answer:
    proof = maker.proof("POST", TOKEN_ENDPOINT, **changes)
    return rp.poll(auth_req_id, headers={"DPoP": proof})


def ask(rp: RelyingParty, token: str, maker: ProofMaker, **changes: Any) -> Answer:
    """UserInfo, with a proof for it."""
    claims = {"ath": ath(token), **changes}
    proof = maker.proof("GET", USERINFO, **claims)
    return rp.userinfo(token, Authorization=f"DPoP {token}", DPoP=proof)


def refused(answer: Answer, code: str, words: str, *, status: int = 400) -> None:
    assert answer.status_code == status, answer.content
    body = answer.json()
    assert (set(body), body["error"]) == ({"error", "error_description"}, code), body
    assert words in body["error_description"], body
    assert answer["Cache-Control"] == "no-store"


def nothing_was_given(auth_req_id: str) -> None:
    """The request is as the user left it: approved, never polled, redeemed by nobody."""
    row = find(auth_req_id)
    assert (row.status, row.polled_us, row.slow_downs) == ("authorized", 0, 0)
    assert not Grant.objects.exists()
    assert not UsedProof.objects.exists()


# --- the token endpoint --------------------------------------------------------------------------


@pytest.mark.requirement("RFC 9449", "5")
@pytest.mark.requirement("RFC 9449", "6")
@pytest.mark.parametrize("alg", ["ES256", "PS256", "RS256", "EdDSA"])
def test_a_proof_binds_the_tokens_to_its_key(
    rp: RelyingParty, approved: str, alg: str, alice: AbstractBaseUser
) -> None:
    maker = ProofMaker(key(alg, "dpop"))
    answer = poll(rp, approved, maker)
    assert answer.status_code == 200, answer.content
    assert answer.json()["token_type"] == "DPoP"
    assert "DPoP-Nonce" not in answer
    access = Token.objects.get(kind="access")
    assert (access.jkt, access.x5t_s256) == (maker.jkt, "")
    assert ask(rp, answer.json()["access_token"], maker).json()["sub"] == str(alice.pk)


@pytest.mark.requirement("RFC 9449", "5.2")
def test_a_client_that_must_bind_its_tokens_is_refused_without_a_proof(bound: RelyingParty) -> None:
    auth_req_id = bound.auth_req_id()
    approve(auth_req_id)
    answer = bound.poll(auth_req_id)
    refused(answer, "invalid_dpop_proof", "must send a DPoP proof")
    nothing_was_given(auth_req_id)
    # It is told before state is looked at: of an unknown request, and of a refresh token, too.
    refused(bound.poll("unknown"), "invalid_dpop_proof", "must send a DPoP proof")
    refused(bound.refresh("unknown"), "invalid_dpop_proof", "must send a DPoP proof")


@pytest.mark.requirement("RFC 9449", "5")
def test_a_failed_proof_is_no_poll(bound: RelyingParty, maker: ProofMaker) -> None:
    with at(0):
        auth_req_id = bound.auth_req_id()
        for _ in range(3):
            refused(bound.poll(auth_req_id), "invalid_dpop_proof", "must send")
        answer = poll(bound, auth_req_id, maker)
        assert answer.json()["error"] == "authorization_pending"


@pytest.mark.requirement("RFC 9449", "4.3")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"htm": None}, "htm must be"),
        ({"htm": "GET"}, "htm must be"),
        ({"htm": "post"}, "htm must be"),
        ({"htm": ["POST"]}, "htm must be"),
        ({"htu": None}, "htu must be"),
        ({"htu": ""}, "htu must be"),
        ({"htu": 1}, "htu must be"),
        ({"htu": ISSUER}, "htu must be"),
        ({"htu": USERINFO}, "htu must be"),
        ({"htu": f"{ISSUER}/bc-authorize"}, "htu must be"),
        ({"htu": "/oauth2/access_token"}, "htu must be"),
        ({"htu": "http://op.example.com/oauth2/access_token"}, "htu must be"),
        ({"htu": "https://testserver/oauth2/access_token"}, "htu must be"),
        ({"htu": "https://op.example.com:8443/oauth2/access_token"}, "htu must be"),
        ({"htu": "https://op.example.com@evil.example/oauth2/access_token"}, "htu must be"),
        ({"iat": None}, "iat is missing"),
        ({"iat": "now"}, "iat must be a number"),
        ({"iat": True}, "iat must be a number"),
        ({"iat": 0}, "iat is too old"),
        ({"iat": NOW * 1000}, "iat"),
        ({"jti": None}, "jti must be"),
        ({"jti": ""}, "jti must be"),
        ({"jti": 7}, "jti must be"),
        ({"jti": "a" * 257}, "jti must be"),
    ],
)
def test_a_proof_for_another_request_is_refused(
    rp: RelyingParty, approved: str, maker: ProofMaker, changes: dict[str, Any], words: str
) -> None:
    refused(poll(rp, approved, maker, **changes), "invalid_dpop_proof", words)
    nothing_was_given(approved)


@pytest.mark.requirement("RFC 9449", "4.3")
@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"typ": None}, "typ must be dpop+jwt"),
        ({"typ": "JWT"}, "typ must be dpop+jwt"),
        ({"alg": "none"}, "alg must be"),
        ({"alg": "HS256"}, "alg must be"),
        ({"jwk": None}, "no jwk"),
        ({"jwk": {"kty": "oct", "k": "AQ"}}, "symmetric"),
        ({"jwk": key("RS256", "dpop").public_jwk}, "not one for alg"),
        ({"jwk": key("ES256", "other").public_jwk}, "does not verify"),
        ({"jwk": {**key("ES256", "dpop").public_jwk, "d": "AQ"}}, "member d is private"),
        ({"crit": ["b64"]}, "crit"),
    ],
)
def test_a_proof_that_proves_no_key_is_refused(
    rp: RelyingParty, approved: str, maker: ProofMaker, header: dict[str, Any], words: str
) -> None:
    refused(poll(rp, approved, maker, header=header), "invalid_dpop_proof", words)
    nothing_was_given(approved)


@pytest.mark.requirement("RFC 9449", "4.3")
@pytest.mark.parametrize("value", ["", " ", "a", "a.b", "a.b.c", "a.b.c.d", "\u00e9.b.c"])
def test_what_is_no_jwt_is_no_proof(rp: RelyingParty, approved: str, value: str) -> None:
    refused(rp.poll(approved, headers={"DPoP": value}), "invalid_dpop_proof", "JWT")
    nothing_was_given(approved)


@pytest.mark.requirement("RFC 9449", "4.3")
def test_two_dpop_headers_are_refused(rp: RelyingParty, approved: str, maker: ProofMaker) -> None:
    """A server hands on two headers of one name as one, with a comma between them."""
    proofs = [maker.proof("POST", TOKEN_ENDPOINT) for _ in range(2)]
    for joined in (",".join(proofs), f"{proofs[0]},"):
        answer = rp.poll(approved, headers={"DPoP": joined})
        refused(answer, "invalid_dpop_proof", "one DPoP header")
    nothing_was_given(approved)


@pytest.mark.requirement("RFC 9449", "4.3")
@pytest.mark.parametrize(
    "htu",
    [
        TOKEN_ENDPOINT,
        f"{TOKEN_ENDPOINT}?a=b#c",
        "HTTPS://OP.example.COM:443/oauth2/access_token",
        "https://op.example.com/oauth2/access%5ftoken",
        f"{ISSUER}/realms/root/access_token",
        "https://mtls.example.com/oauth2/access_token",
    ],
)
def test_an_address_has_more_than_one_spelling(
    rp: RelyingParty, approved: str, maker: ProofMaker, settings: Any, htu: str
) -> None:
    mtls = {"MTLS_ENDPOINTS": "https://mtls.example.com/oauth2"}
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, **mtls}
    assert poll(rp, approved, maker, htu=htu).status_code == 200


@pytest.mark.requirement("RFC 9449", "11.1")
@pytest.mark.parametrize(("age", "taken"), [(-30, 200), (-31, 400), (89, 200), (90, 400)])
def test_a_proof_is_taken_for_its_lifetime_and_the_clocks_leeway(
    rp: RelyingParty, maker: ProofMaker, age: int, taken: int
) -> None:
    with at(0):
        auth_req_id = rp.auth_req_id()
        approve(auth_req_id)
        assert poll(rp, auth_req_id, maker, iat=NOW - age).status_code == taken


@pytest.mark.requirement("RFC 9449", "11.1")
def test_a_proof_is_taken_once(rp: RelyingParty, maker: ProofMaker) -> None:
    first, second = rp.auth_req_id(), rp.auth_req_id()
    approve(first)
    approve(second)
    proof = {"DPoP": maker.proof("POST", TOKEN_ENDPOINT)}
    assert rp.poll(first, headers=proof).status_code == 200
    refused(rp.poll(second, headers=proof), "invalid_dpop_proof", "jti has been used")
    assert find(second).status == "authorized"


@pytest.mark.requirement("RFC 9449", "11.1")
def test_a_jti_is_taken_once_for_each_key(rp: RelyingParty, maker: ProofMaker) -> None:
    other = ProofMaker(key("ES256", "other"))
    auth_req_id = rp.auth_req_id()
    assert poll(rp, auth_req_id, maker, jti="1").json()["error"] == "authorization_pending"
    approve(auth_req_id)
    assert poll(rp, auth_req_id, maker, jti="1").json()["error"] == "invalid_dpop_proof"
    assert poll(rp, auth_req_id, other, jti="1").status_code == 200


@pytest.mark.requirement("RFC 9449", "5")
def test_the_client_is_proved_before_the_proof_is_looked_at(
    rp: RelyingParty, approved: str, maker: ProofMaker
) -> None:
    proof = maker.proof("POST", TOKEN_ENDPOINT)
    parameters = {"grant_type": "urn:openid:params:grant-type:ciba", "auth_req_id": approved}
    answer = rp.post("access_token", parameters, authenticated=False, headers={"DPoP": proof})
    refused(answer, "invalid_client", "authentication is missing", status=401)
    nothing_was_given(approved)


@pytest.mark.django_db
def test_a_proof_costs_one_more_statement(
    rp: RelyingParty, maker: ProofMaker, settings: Any
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "CONFIGURATION_MAX_AGE": 3600.0}
    auth_req_id = rp.auth_req_id()
    rp.poll(auth_req_id)
    with CaptureQueriesContext(connection) as captured:
        poll(rp, auth_req_id, maker)
    asked = [each["sql"].split()[0] for each in captured]
    assert asked == ["INSERT", "UPDATE"]
    approve(auth_req_id)
    token = poll(rp, auth_req_id, maker).json()["access_token"]
    with CaptureQueriesContext(connection) as captured:
        ask(rp, token, maker)
    assert [each["sql"].split()[0] for each in captured] == ["SELECT", "INSERT"]


@pytest.mark.requirement("RFC 9449", "6.1")
@pytest.mark.requirement("RFC 9068", "4")
def test_a_jwt_says_what_it_is_bound_to_and_is_held_to_it(
    relying_party: RelyingParties, maker: ProofMaker
) -> None:
    rp = relying_party(access_token_format="jwt")
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    token = poll(rp, auth_req_id, maker).json()["access_token"]
    assert claims_of(token)["cnf"] == {"jkt": maker.jkt}
    assert ask(rp, token, maker).status_code == 200
    refused(rp.userinfo(token), "invalid_token", "bound to a DPoP key", status=401)


@pytest.mark.requirement("RFC 9449", "6.2")
def test_introspection_says_what_a_token_is_bound_to(
    rp: RelyingParty, approved: str, maker: ProofMaker
) -> None:
    token = poll(rp, approved, maker).json()["access_token"]
    said = rp.post("introspect", {"token": token}).json()
    assert (said["active"], said["token_type"], said["cnf"]) == (True, "DPoP", {"jkt": maker.jkt})


# --- refresh -------------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 9449", "5")
def test_a_refresh_binds_anew_to_the_key_of_its_own_proof(
    bound: RelyingParty, maker: ProofMaker
) -> None:
    auth_req_id = bound.auth_req_id()
    approve(auth_req_id)
    first = poll(bound, auth_req_id, maker).json()
    refused(bound.refresh(first["refresh_token"]), "invalid_dpop_proof", "must send")
    other = ProofMaker(key("ES256", "other"))
    proof = other.proof("POST", TOKEN_ENDPOINT)
    second = bound.refresh(first["refresh_token"], headers={"DPoP": proof})
    assert second.status_code == 200, second.content
    assert second.json()["token_type"] == "DPoP"
    token = second.json()["access_token"]
    assert ask(bound, token, other).status_code == 200
    refused(ask(bound, token, maker), "invalid_token", "another key", status=401)


@pytest.mark.requirement("RFC 9449", "5")
def test_a_failed_proof_spends_no_refresh_token(
    rp: RelyingParty, approved: str, maker: ProofMaker
) -> None:
    value = rp.poll(approved).json()["refresh_token"]
    proof = maker.proof("POST", TOKEN_ENDPOINT, htm="GET")
    answer = rp.refresh(value, headers={"DPoP": proof})
    refused(answer, "invalid_dpop_proof", "htm")
    assert rp.refresh(value).status_code == 200


@pytest.mark.requirement("RFC 9449", "5")
@pytest.mark.requirement("RFC 8705", "7.1")
def test_a_refresh_token_is_bound_to_its_client_alone(
    rp: RelyingParty, approved: str, maker: ProofMaker
) -> None:
    poll(rp, approved, maker)
    refresh = Token.objects.get(kind="refresh")
    assert (refresh.jkt, refresh.x5t_s256) == ("", "")


# --- dpop_jkt ------------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 9449", "10")
def test_a_request_can_name_the_key_that_its_tokens_will_be_bound_to(
    rp: RelyingParty, maker: ProofMaker
) -> None:
    with at(0):
        auth_req_id = rp.auth_req_id(dpop_jkt=maker.jkt)
        other = ProofMaker(key("ES256", "other"))
        for _ in range(2):  # neither is a poll
            refused(poll(rp, auth_req_id, other), "invalid_dpop_proof", "dpop_jkt")
            refused(rp.poll(auth_req_id), "invalid_dpop_proof", "dpop_jkt")
        assert poll(rp, auth_req_id, maker).json()["error"] == "authorization_pending"
        approve(auth_req_id)
        refused(poll(rp, auth_req_id, other), "invalid_dpop_proof", "dpop_jkt")
        refused(rp.poll(auth_req_id), "invalid_dpop_proof", "dpop_jkt")
        assert poll(rp, auth_req_id, maker).json()["token_type"] == "DPoP"
        refused(rp.poll(auth_req_id), "invalid_dpop_proof", "dpop_jkt")
    assert Grant.objects.get().revoked_at is None


@pytest.mark.requirement("RFC 9449", "10")
@pytest.mark.parametrize(
    "dpop_jkt",
    [
        "a" * 42,
        "A" * 44,
        "A" * 42 + "=",
        "A" * 42 + "B",  # the last character can hold four bits only
        "A" * 42 + "+",
        "\u00e9" + "A" * 42,
        7,
        ["A" * 43],
    ],
)
def test_a_dpop_jkt_that_is_no_thumbprint_is_refused(rp: RelyingParty, dpop_jkt: Any) -> None:
    refused(rp.authenticate(dpop_jkt=dpop_jkt), "invalid_request", "dpop_jkt must be")
    assert not AuthenticationRequest.objects.exists()


# --- nonces --------------------------------------------------------------------------------------


@pytest.fixture
def nonces(realm: Realm) -> None:
    realm.settings = {"dpop_nonce_required": True}
    realm.save()


@pytest.mark.requirement("RFC 9449", "8")
@pytest.mark.usefixtures("nonces")
def test_a_proof_without_our_nonce_is_told_one(
    rp: RelyingParty, approved: str, maker: ProofMaker
) -> None:
    answer = poll(rp, approved, maker)
    refused(answer, "use_dpop_nonce", "DPoP-Nonce header")
    nothing_was_given(approved)
    maker.nonce = answer["DPoP-Nonce"]
    again = poll(rp, approved, maker)
    assert (again.status_code, again.json()["token_type"]) == (200, "DPoP")
    assert "DPoP-Nonce" not in again


@pytest.mark.requirement("RFC 9449", "8")
@pytest.mark.usefixtures("nonces")
def test_a_request_without_a_proof_needs_no_nonce(rp: RelyingParty, approved: str) -> None:
    assert rp.poll(approved).json()["token_type"] == "Bearer"


@pytest.mark.requirement("RFC 9449", "8")
@pytest.mark.usefixtures("nonces")
def test_a_nonce_is_ours_and_of_late(rp: RelyingParty, maker: ProofMaker) -> None:
    with at(0):
        auth_req_id = rp.auth_req_id()
        good = poll(rp, auth_req_id, maker)["DPoP-Nonce"]
        made_up = [f"{NOW}", f"{NOW}:abc", good + "x", good.replace(str(NOW), str(NOW + 1)), 7, ""]
        for nonce in made_up:
            refused(poll(rp, auth_req_id, maker, nonce=nonce), "use_dpop_nonce", "nonce")
        maker.nonce = good
    with at(299):
        assert poll(rp, auth_req_id, maker).json()["error"] == "authorization_pending"
    with at(300):
        answer = poll(rp, auth_req_id, maker)
        refused(answer, "use_dpop_nonce", "nonce")
        assert answer["DPoP-Nonce"] != good
        assert find(auth_req_id).slow_downs == 0


@pytest.mark.requirement("RFC 9449", "8.2")
@pytest.mark.usefixtures("nonces")
def test_a_new_nonce_comes_before_the_old_one_ends(rp: RelyingParty, maker: ProofMaker) -> None:
    with at(0):
        auth_req_id = rp.auth_req_id()
        maker.nonce = poll(rp, auth_req_id, maker)["DPoP-Nonce"]
    with at(149):
        assert "DPoP-Nonce" not in poll(rp, auth_req_id, maker)
    with at(151):  # on a refusal
        pending = poll(rp, auth_req_id, maker)
        assert pending.json()["error"] == "authorization_pending"
        approve(auth_req_id)
        answer = poll(rp, auth_req_id, maker)  # and on a success
        assert answer.status_code == 200
        assert pending["DPoP-Nonce"] == answer["DPoP-Nonce"] != maker.nonce
        maker.nonce = answer["DPoP-Nonce"]
        assert "DPoP-Nonce" not in ask(rp, answer.json()["access_token"], maker)


@pytest.mark.requirement("RFC 9449", "8")
@pytest.mark.usefixtures("nonces")
def test_a_nonce_outlives_the_rotation_of_the_key_behind_it(
    rp: RelyingParty, maker: ProofMaker, settings: Any
) -> None:
    site, pending = settings.DJANGO_CIBA, rp.auth_req_id()
    settings.DJANGO_CIBA = {**site, "ENCRYPTION_KEYS": ("first",)}
    maker.nonce = poll(rp, pending, maker)["DPoP-Nonce"]
    settings.DJANGO_CIBA = {**site, "ENCRYPTION_KEYS": ("second",)}
    refused(poll(rp, pending, maker), "use_dpop_nonce", "nonce")
    settings.DJANGO_CIBA = {**site, "ENCRYPTION_KEYS": ("second", "first")}
    assert poll(rp, pending, maker).json()["error"] == "authorization_pending"


@pytest.mark.requirement("RFC 9449", "9")
@pytest.mark.usefixtures("nonces")
def test_userinfo_asks_for_a_nonce_too(rp: RelyingParty, approved: str, maker: ProofMaker) -> None:
    maker.nonce = poll(rp, approved, maker)["DPoP-Nonce"]
    token = poll(rp, approved, maker).json()["access_token"]
    answer = ask(rp, token, maker, nonce=None)
    refused(answer, "use_dpop_nonce", "nonce", status=401)
    assert answer["WWW-Authenticate"] == (
        'DPoP realm="userinfo", error="use_dpop_nonce", error_description="'
        f'put the nonce of the DPoP-Nonce header into the DPoP proof", {ALGS}'
    )
    assert ask(rp, token, maker, nonce=answer["DPoP-Nonce"]).status_code == 200


# --- UserInfo ------------------------------------------------------------------------------------


@pytest.fixture
def token(rp: RelyingParty, approved: str, maker: ProofMaker) -> str:
    """A DPoP-bound access token."""
    return str(poll(rp, approved, maker).json()["access_token"])


@pytest.fixture
def bearer_token(relying_party: RelyingParties) -> str:
    rp = relying_party(client_id="bearer")
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    return str(rp.poll(auth_req_id).json()["access_token"])


@pytest.mark.requirement("RFC 9449", "7.1")
def test_a_bound_token_with_a_proof_of_its_key_opens_userinfo(
    rp: RelyingParty, token: str, maker: ProofMaker
) -> None:
    assert ask(rp, token, maker).status_code == 200
    proof = maker.proof("GET", USERINFO, ath=ath(token))
    answer = rp.userinfo(token, Authorization=f"dpop {token}", DPoP=proof)
    assert answer.status_code == 200


@pytest.mark.requirement("RFC 9449", "7.2")
def test_a_bound_token_is_none_for_bearers(rp: RelyingParty, token: str, maker: ProofMaker) -> None:
    proof = maker.proof("GET", USERINFO, ath=ath(token))
    for headers in ({}, {"DPoP": proof}):
        answer = rp.userinfo(token, **headers)
        refused(answer, "invalid_token", "bound to a DPoP key", status=401)
        assert answer["WWW-Authenticate"] == (
            'Bearer realm="userinfo", error="invalid_token", '
            f'error_description="{answer.json()["error_description"]}", '
            f'DPoP realm="userinfo", {ALGS}'
        )


@pytest.mark.requirement("RFC 9449", "7.1")
def test_a_bearer_token_is_none_for_dpop(
    rp: RelyingParty, bearer_token: str, maker: ProofMaker
) -> None:
    answer = ask(rp, bearer_token, maker)
    refused(answer, "invalid_token", "not bound", status=401)
    assert answer["WWW-Authenticate"].startswith('DPoP realm="userinfo", error="invalid_token", ')
    assert ALGS in answer["WWW-Authenticate"]
    assert rp.userinfo(bearer_token).status_code == 200


@pytest.mark.requirement("RFC 9449", "7.1")
def test_a_proof_of_another_key_opens_nothing(rp: RelyingParty, token: str) -> None:
    before = UsedProof.objects.count()
    thief = ProofMaker(PrivateKey.generate("ES256"))
    refused(ask(rp, token, thief), "invalid_token", "another key", status=401)
    assert UsedProof.objects.count() == before


@pytest.mark.requirement("RFC 9449", "4.3")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ath": None}, "ath must be"),
        ({"ath": ath("another")}, "ath must be"),
        ({"ath": base64url(b"")}, "ath must be"),
        ({"htm": "POST"}, "htm must be"),
        ({"htu": TOKEN_ENDPOINT}, "htu must be"),
        ({"htu": "https://testserver/oauth2/userinfo"}, "htu must be"),
        ({"iat": 0}, "too old"),
        ({"jti": None}, "jti must be"),
        ({"header": {"typ": "JWT"}}, "typ must be"),
    ],
)
def test_a_proof_that_does_not_fit_the_call_is_refused_with_401(
    rp: RelyingParty, token: str, maker: ProofMaker, changes: dict[str, Any], words: str
) -> None:
    answer = ask(rp, token, maker, **changes)
    refused(answer, "invalid_dpop_proof", words, status=401)
    challenge = answer["WWW-Authenticate"]
    assert challenge.startswith('DPoP realm="userinfo", error="invalid_dpop_proof", ')
    assert challenge.endswith(ALGS)


@pytest.mark.requirement("RFC 9449", "7.1")
def test_without_its_proof_a_bound_token_is_refused(rp: RelyingParty, token: str) -> None:
    answer = rp.userinfo(token, Authorization=f"DPoP {token}")
    refused(answer, "invalid_dpop_proof", "DPoP header", status=401)


@pytest.mark.requirement("RFC 9449", "11.1")
def test_a_recorded_call_cannot_be_sent_again(
    rp: RelyingParty, token: str, maker: ProofMaker
) -> None:
    proof = maker.proof("GET", USERINFO, ath=ath(token))
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
    assert rp.userinfo(token, **headers).status_code == 200
    refused(rp.userinfo(token, **headers), "invalid_dpop_proof", "has been used", status=401)


@pytest.mark.requirement("RFC 9449", "7.1")
def test_a_dead_token_is_named_as_such_by_the_scheme_that_it_came_by(
    rp: RelyingParty, maker: ProofMaker
) -> None:
    answer = ask(rp, "unknown", maker)
    refused(answer, "invalid_token", "unknown, expired or revoked", status=401)
    assert answer["WWW-Authenticate"].startswith("DPoP ")
    answer = rp.userinfo("unknown", Authorization="DPoP one two")
    refused(answer, "invalid_request", "Authorization: DPoP")


@pytest.mark.requirement("RFC 9449", "5.1")
def test_discovery_names_the_algorithms_of_proofs(rp: RelyingParty) -> None:
    metadata = rp.http.get("/oauth2/.well-known/openid-configuration").json()
    assert metadata["dpop_signing_alg_values_supported"] == ["ES256", "PS256", "RS256", "EdDSA"]
