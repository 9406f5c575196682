"""Who is calling: client_secret_basic, client_secret_post, and what holds for every method.

PingFederate CVE-2023-40545: a client that proves itself by a method that it is not registered for.
"""

import base64
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from django_ciba.jose import sign
from django_ciba.models import Realm
from tests.certificates import SUBJECT, as_rfc9440, authority, certified
from tests.conformance.conftest import RelyingParties
from tests.conformance.wire import accepted, refused
from tests.provider import key, make_client, make_realm
from tests.relying_party import ASSERTION_TYPE, CIBA, RelyingParty, basic, compact

CREDENTIALS = {
    "client_secret_basic": "Authorization",
    "client_secret_post": "client_secret",
    "private_key_jwt": "client_assertion",
    "client_secret_jwt": "client_assertion",
    "tls_client_auth": "certificate",
    "self_signed_tls_client_auth": "certificate",
}
METHODS = tuple(CREDENTIALS)
SHOP = certified(issuer=authority())
CERTIFICATE = {"Client-Cert": as_rfc9440(SHOP.der)}
ENDPOINTS = ("bc-authorize", "access_token")
CHALLENGE = 'Basic realm="OAuth", charset="UTF-8"'
FAILED = "client authentication failed"


def header(text: str | bytes) -> dict[str, str]:
    octets = text if isinstance(text, bytes) else text.encode()
    return {"Authorization": "Basic " + base64.b64encode(octets).decode()}


def send(rp: RelyingParty, headers: dict[str, str] | None = None, **credentials: str) -> Any:
    """A good signed request with these credentials and no others."""
    return rp.post(
        "bc-authorize",
        {"request": rp.signed_request(), **credentials},
        authenticated=False,
        headers=headers,
    )


# --- client_secret_basic -----------------------------------------------------------------------


@pytest.mark.requirement("RFC 6749", "2.3.1")
def test_basic_credentials_are_form_urlencoded(relying_party: RelyingParties) -> None:
    rp = relying_party(client_id="https://rp.example/app:1")
    encoded = f"https%3A%2F%2Frp.example%2Fapp%3A1:{rp.secret}"
    accepted(send(rp, header(encoded)))


@pytest.mark.requirement("RFC 6749", "2.3.1")
def test_basic_credentials_that_are_sent_raw_work_too(rp: RelyingParty) -> None:
    accepted(send(rp, header(f"{rp.client.client_id}:{rp.secret}")))


@pytest.mark.requirement("RFC 9110", "11.1")
@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_the_scheme_has_no_case(rp: RelyingParty, scheme: str) -> None:
    _, _, pair = basic(rp.client.client_id, rp.secret).partition(" ")
    accepted(send(rp, {"Authorization": f"{scheme} {pair}"}))


@pytest.mark.requirement("RFC 6749", "2.3.1")
def test_a_client_id_beside_the_header_must_agree(rp: RelyingParty) -> None:
    good = {"Authorization": basic(rp.client.client_id, rp.secret)}
    refused(send(rp, good, client_id="another"), "invalid_client", "client_id differs", status=401)
    accepted(send(rp, good, client_id=rp.client.client_id))


@pytest.mark.requirement("RFC 6749", "5.2")
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_wrong_secret_is_invalid_client_with_a_challenge(rp: RelyingParty, endpoint: str) -> None:
    answer = rp.post(
        endpoint,
        {"request": rp.signed_request(), "grant_type": CIBA, "auth_req_id": "x"},
        authenticated=False,
        headers={"Authorization": basic(rp.client.client_id, rp.secret + "x")},
    )
    refused(answer, "invalid_client", FAILED, status=401)
    assert answer["WWW-Authenticate"] == CHALLENGE


@pytest.mark.requirement("RFC 6749", "2.3.1")
@pytest.mark.parametrize(
    "credentials",
    [
        header("no colon"),
        header(":secret"),
        header(b"\xff\xfe:secret"),
        header("%ff:secret"),
        header("shop\0:secret"),
        header("shop:secret%00"),
        {"Authorization": "Basic"},
        {"Authorization": "Basic \xa3"},
        {"Authorization": "Basic c2hvcDp4!"},
        {"Authorization": "Basic c2hvcDp4Cg="},
    ],
)
def test_a_malformed_header_says_what_it_must_hold(
    rp: RelyingParty, credentials: dict[str, str]
) -> None:
    answer = send(rp, credentials)
    refused(answer, "invalid_client", "Basic with base64 of client_id:client_secret", status=401)
    assert answer["WWW-Authenticate"] == CHALLENGE


@pytest.mark.requirement("RFC 6749", "2.3.1")
@pytest.mark.parametrize("client_id", ["nobody", "Shop", "shop ", "sho%70e", "x" * 50_000])
def test_an_unknown_client_is_told_no_more_than_one_with_a_wrong_secret(
    rp: RelyingParty, client_id: str
) -> None:
    refused(
        send(rp, {"Authorization": basic(client_id, rp.secret)}),
        "invalid_client",
        FAILED,
        status=401,
    )


@pytest.mark.requirement("Protocol", "2")
def test_a_disabled_client_is_unknown(rp: RelyingParty) -> None:
    rp.client.enabled = False
    rp.client.save()
    refused(rp.authenticate(), "invalid_client", FAILED, status=401)


@pytest.mark.requirement("Protocol", "2")
def test_a_client_of_another_realm_is_unknown(rp: RelyingParty, realm: Realm) -> None:
    alpha = make_realm("alpha", realm)
    rp.mount, rp.issuer = f"/oauth2/{alpha.url_prefix}", alpha.issuer
    refused(rp.authenticate(), "invalid_client", FAILED, status=401)


@pytest.mark.requirement("Protocol", "2")
def test_two_realms_may_have_clients_of_one_name(rp: RelyingParty, realm: Realm) -> None:
    _, other_secret = make_client(make_realm("alpha", realm))
    refused(
        send(rp, {"Authorization": basic("shop", other_secret)}),
        "invalid_client",
        FAILED,
        status=401,
    )


@pytest.mark.requirement("Protocol", "2")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_client_without_a_secret_has_no_empty_one(
    relying_party: RelyingParties, method: str
) -> None:
    rp = relying_party(token_endpoint_auth_method=method)
    rp.client.secret_digest = ""
    rp.client.save()
    refused(rp.authenticate(), "invalid_client", FAILED, status=401)
    rp.secret = ""
    refused(rp.authenticate(), "invalid_client", status=401)


# --- client_secret_post ------------------------------------------------------------------------


@pytest.fixture
def poster(relying_party: RelyingParties) -> RelyingParty:
    return relying_party(token_endpoint_auth_method="client_secret_post")


@pytest.mark.requirement("RFC 6749", "2.3.1")
def test_id_and_secret_may_stand_in_the_body(poster: RelyingParty) -> None:
    auth_req_id = accepted(poster.authenticate())
    assert poster.poll(auth_req_id).json()["error"] == "authorization_pending"


@pytest.mark.requirement("RFC 6749", "5.2")
def test_a_wrong_secret_in_the_body_is_401_without_a_challenge(poster: RelyingParty) -> None:
    answer = send(poster, client_id="shop", client_secret="wrong")
    refused(answer, "invalid_client", FAILED, status=401)
    assert "WWW-Authenticate" not in answer


@pytest.mark.requirement("RFC 6749", "2.3.1")
def test_a_secret_in_the_body_needs_the_client_id(poster: RelyingParty) -> None:
    refused(
        send(poster, client_secret=poster.secret),
        "invalid_client",
        "client_id is missing beside client_secret",
        status=401,
    )


@pytest.mark.requirement("RFC 6749", "2.3.1")
def test_credentials_in_the_query_are_not_looked_at(poster: RelyingParty) -> None:
    query = f"bc-authorize?client_id=shop&client_secret={poster.secret}"
    answer = poster.post(query, {"request": poster.signed_request()}, authenticated=False)
    refused(answer, "invalid_client", "client authentication is missing", status=401)


# --- every method ------------------------------------------------------------------------------


def credentials_of(method: str, rp: RelyingParty) -> tuple[dict[str, str], dict[str, str]]:
    """(parameters, headers) that would prove the client if it were registered for `method`."""
    if method == "client_secret_basic":
        return {}, {"Authorization": basic(rp.client.client_id, rp.secret)}
    if method == "client_secret_post":
        return {"client_id": rp.client.client_id, "client_secret": rp.secret}, {}
    if CREDENTIALS[method] == "certificate":
        verified = "SUCCESS" if method == "tls_client_auth" else "NONE"
        return {"client_id": rp.client.client_id}, {**CERTIFICATE, "Client-Cert-Verified": verified}
    claims = rp.assertion_claims()
    if method == "client_secret_jwt":
        assertion = compact({"alg": "HS256"}, claims, rp.secret.encode())
    else:
        assertion = sign(claims, rp.key)
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}, {}


@pytest.fixture
def any_method(relying_party: RelyingParties, settings: Any) -> Callable[[str], RelyingParty]:
    """A client of a method, with all that every other method would need to prove it too."""
    settings.DJANGO_CIBA = {
        **settings.DJANGO_CIBA,
        "CLIENT_CERTIFICATE_HEADER": "Client-Cert",
        "CLIENT_CERTIFICATE_VERIFIED_HEADER": "Client-Cert-Verified",
        "TRUSTED_PROXIES": ["127.0.0.1"],
    }

    def make(method: str) -> RelyingParty:
        rp = relying_party(
            token_endpoint_auth_method=method,
            tls_client_auth_subject_dn=SUBJECT,
            jwks={"keys": [SHOP.jwk, key("ES256", "client").public_jwk]},
        )
        rp.client.secret_encrypted = rp.secret
        rp.client.save()
        return rp

    return make


@pytest.mark.requirement("OIDC Core", "9")
@pytest.mark.requirement("RFC 8705", "2")
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("used", METHODS)
@pytest.mark.parametrize("registered", METHODS)
def test_the_registered_method_is_the_only_one_taken(
    any_method: Callable[[str], RelyingParty], registered: str, used: str, endpoint: str
) -> None:
    rp = any_method(registered)
    parameters, headers = credentials_of(used, rp)
    body = {"request": rp.signed_request(), "grant_type": CIBA, "auth_req_id": "x", **parameters}
    answer = rp.post(endpoint, body, authenticated=False, headers=headers)
    # The proxy has verified the certificate's chain, and the client has registered it as well.
    if used == registered or (used, registered) == METHODS[-2:]:
        assert answer.json().get("error") == {"access_token": "invalid_grant"}.get(endpoint)
    elif CREDENTIALS[used] == CREDENTIALS[registered]:
        words = "alg must be" if CREDENTIALS[used] == "client_assertion" else "not issued by"
        refused(answer, "invalid_client", words, status=401)
    else:
        words = f"this client is registered for {registered}, not "
        refused(answer, "invalid_client", words, status=401)
        assert used in answer.json()["error_description"]


@pytest.mark.requirement("RFC 6749", "2.3")
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (first, second)
        for first, second in itertools.permutations(METHODS[:4], 2)
        if CREDENTIALS[first] != CREDENTIALS[second]
    ],
)
def test_two_methods_at_once_are_invalid_request_even_when_both_are_right(
    any_method: Callable[[str], RelyingParty], first: str, second: str, endpoint: str
) -> None:
    rp = any_method(first)
    one, two = credentials_of(first, rp), credentials_of(second, rp)
    answer = rp.post(
        endpoint,
        {"request": rp.signed_request(), **one[0], **two[0]},
        authenticated=False,
        headers={**one[1], **two[1]},
    )
    refused(answer, "invalid_request", "use one client authentication method, not two")


@pytest.mark.requirement("RFC 6749", "3.1")
def test_an_empty_secret_beside_the_header_is_no_second_method(rp: RelyingParty) -> None:
    good = {"Authorization": basic(rp.client.client_id, rp.secret)}
    accepted(send(rp, good, client_secret="", client_assertion="", client_assertion_type=""))


@pytest.mark.requirement("RFC 6749", "5.2")
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("headers", [{}, {"Authorization": ""}, {"Authorization": "Bearer abc"}])
def test_a_caller_that_proves_nothing_is_told_the_methods(
    rp: RelyingParty, endpoint: str, headers: dict[str, str]
) -> None:
    answer = rp.post(
        endpoint,
        {"client_id": "shop", "request": rp.signed_request()},
        authenticated=False,
        headers=headers,
    )
    words = "use one of client_secret_basic, client_secret_post, private_key_jwt, client_secret_jwt"
    refused(answer, "invalid_client", words, status=401)


Spoiled = Callable[[RelyingParty], dict[str, str]]


@pytest.mark.requirement("CIBA Core", "7.2")
@pytest.mark.parametrize(
    "spoiled",
    [
        lambda rp: {"state": "of no use"},
        lambda rp: {"request": "no jwt"},
        lambda rp: {"request": rp.signed_request(iss="another")},
        lambda rp: {"request": rp.signed_request(login_hint="nobody")},
        lambda rp: {"grant_type": "password", "username": "alice"},
    ],
)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_client_is_proved_before_anything_else_is_looked_at(
    rp: RelyingParty, endpoint: str, spoiled: Spoiled
) -> None:
    answer = rp.post(
        endpoint,
        spoiled(rp),
        authenticated=False,
        headers={"Authorization": basic("shop", "wrong")},
    )
    refused(answer, "invalid_client", FAILED, status=401)
