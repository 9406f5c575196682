"""Whatever comes, the answer is one clear OAuth error in JSON, and nothing has changed."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from asgiref.sync import async_to_sync
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import connections
from django.http import HttpRequest, HttpResponseBase
from django.test import AsyncClient
from django.test import Client as HttpClient

from django_ciba.jose import PrivateKey, base64url, from_base64url, sign
from django_ciba.models import AuthenticationRequest, Grant, Realm, Token, UsedAssertion
from tests.conformance.conftest import RelyingParties
from tests.conformance.wire import NOW, accepted, at, refused
from tests.provider import approve, find, key, make_realm
from tests.relying_party import ASSERTION_TYPE, CIBA, FORM, RelyingParty, basic, compact

ENDPOINTS = ("bc-authorize", "access_token")
both_endpoints = pytest.mark.parametrize("endpoint", ENDPOINTS)
MEGABYTE = 2**20


def good_body(rp: RelyingParty) -> str:
    """A body that both endpoints find nothing wrong with but the auth_req_id."""
    return urlencode({"request": rp.signed_request(), "grant_type": CIBA, "auth_req_id": "unknown"})


def is_taken(answer: Any) -> bool:
    """Whether the answer to `good_body` shows that every parameter was read."""
    if answer.status_code == 200:
        return "auth_req_id" in answer.json()
    return bool(answer.json()["error"] == "invalid_grant")


# --- the body ----------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 6749", "3.2")
@both_endpoints
@pytest.mark.parametrize(
    "name", ["request", "grant_type", "auth_req_id", "client_id", "client_secret", "state", "x", ""]
)
def test_a_repeated_parameter_is_refused_known_or_not(
    rp: RelyingParty, endpoint: str, name: str
) -> None:
    extra = urlencode([(name, "one"), (name, "one")])
    body = f"{extra}&scope=openid".encode()
    words = "a parameter was sent more than once: send each once"
    refused(rp.post(endpoint, body), "invalid_request", words)
    body = f"{good_body(rp)}&{urlencode({'request': 'x'})}".encode()
    refused(rp.post(endpoint, body), "invalid_request", words)


@pytest.mark.requirement("RFC 6749", "3.2")
@both_endpoints
def test_two_spellings_of_one_name_are_one_parameter(rp: RelyingParty, endpoint: str) -> None:
    body = f"{good_body(rp)}&%72equest=x".encode()
    refused(rp.post(endpoint, body), "invalid_request", "more than once")


@pytest.mark.requirement("Protocol", "3")
@both_endpoints
@pytest.mark.parametrize("nul", [b"&x=%00", b"&x=a\x00b", b"&%00=x", b"&auth_req_id%00=x", b"\x00"])
def test_nul_is_refused_raw_and_encoded(rp: RelyingParty, endpoint: str, nul: bytes) -> None:
    body = good_body(rp).encode() + nul
    refused(rp.post(endpoint, body), "invalid_request", "NUL is not allowed in a parameter")


@pytest.mark.requirement("RFC 6749", "Appendix B")
@both_endpoints
@pytest.mark.parametrize(
    "bad",
    [
        b"&x=\xff",
        b"&x=%ff",
        b"&x=%C3",
        b"&x=%C0%80",
        b"&x=\xc3",
        b"&%ff=x",
        b"&x=%ED%A0%80",  # half a character
        b"&x=%F5%80%80%80",
        "&x=£".encode("latin-1"),
        "&x=£".encode("utf-16"),
    ],
)
def test_what_is_no_utf8_is_refused(rp: RelyingParty, endpoint: str, bad: bytes) -> None:
    body = good_body(rp).encode() + bad
    refused(rp.post(endpoint, body), "invalid_request", "the body is not UTF-8")


@pytest.mark.requirement("RFC 6749", "3.1")
@both_endpoints
@pytest.mark.parametrize(
    "harmless", ["&x=%", "&x=%zz", "&x=%2", "&&&", "&x", "&=", "&=x", "&%", "&x=a=b", "&x=a;y=b"]
)
def test_unknown_garbage_is_ignored(rp: RelyingParty, endpoint: str, harmless: str) -> None:
    assert is_taken(rp.post(endpoint, (good_body(rp) + harmless).encode()))


@pytest.mark.requirement("RFC 6749", "3.1")
@both_endpoints
def test_percent_garbage_in_a_known_parameter_is_taken_as_it_stands(
    rp: RelyingParty, endpoint: str
) -> None:
    body = f"request=%zz%&grant_type={CIBA}&auth_req_id=%zz%".encode()
    answer = rp.post(endpoint, body)
    error = "invalid_request" if endpoint == "bc-authorize" else "invalid_grant"
    refused(answer, error)


@pytest.mark.requirement("Protocol", "3")
@both_endpoints
@pytest.mark.parametrize("size", [65_537, MEGABYTE, 20 * MEGABYTE])
def test_a_body_that_is_too_long_is_refused_before_it_is_read(
    rp: RelyingParty, endpoint: str, size: int
) -> None:
    body = b"x=" + b"y" * (size - 2)
    words = "the body is longer than 65536 bytes"
    refused(rp.post(endpoint, body), "invalid_request", words)


@pytest.mark.requirement("Protocol", "3")
@both_endpoints
def test_a_body_of_exactly_the_limit_is_read(rp: RelyingParty, endpoint: str) -> None:
    body = good_body(rp) + "&x="
    body += "y" * (65_536 - len(body))
    assert is_taken(rp.post(endpoint, body.encode()))


@pytest.mark.requirement("Protocol", "3")
@both_endpoints
@pytest.mark.parametrize("announced", ["", "0", "x", "-1", "5", "٣"])
def test_an_announced_length_is_not_believed(
    rp: RelyingParty, endpoint: str, announced: str
) -> None:
    """Servers see to it that it is true; where one does not, we read no more than it says."""
    answer = rp.http.generic(
        "POST",
        rp.mount + endpoint,
        good_body(rp).encode(),
        FORM,
        headers={"Authorization": basic("shop", rp.secret)},
        CONTENT_LENGTH=announced,
    )
    refused(answer, "invalid_request")


class BrokenOff:
    """What a caller sends who has hung up."""

    def read(self, *size: int) -> bytes:
        raise ConnectionResetError

    readline = read


@pytest.mark.requirement("Protocol", "3")
@pytest.mark.parametrize(
    ("announced", "words"),
    [
        ("100", "the body broke off: send it again"),
        ("65536", "the body broke off: send it again"),
        ("65537", "the body is longer than 65536 bytes"),  # so it was not read
    ],
)
def test_a_body_that_breaks_off_is_refused(rp: RelyingParty, announced: str, words: str) -> None:
    environ: dict[str, Any] = {"wsgi.input": BrokenOff(), "CONTENT_LENGTH": announced}
    headers = {"Authorization": basic("shop", rp.secret), "Content-Type": FORM}
    answer = rp.http.generic("POST", "/oauth2/bc-authorize", b"", headers=headers, **environ)
    refused(answer, "invalid_request", words)


@pytest.mark.requirement("Protocol", "3")
@both_endpoints
@pytest.mark.parametrize("count", [101, 1000, 2000, 5000])
def test_too_many_fields_are_refused(rp: RelyingParty, endpoint: str, count: int) -> None:
    body = "&".join(f"x{number}=y" for number in range(count)).encode()
    refused(rp.post(endpoint, body), "invalid_request", "more than 100 parameters")


@pytest.mark.requirement("Protocol", "3")
@both_endpoints
def test_a_hundred_fields_are_read(rp: RelyingParty, endpoint: str) -> None:
    fields = "".join(f"&x{number}=y" for number in range(97))
    assert is_taken(rp.post(endpoint, (good_body(rp) + fields).encode()))


@pytest.mark.requirement("RFC 6749", "Appendix B")
@both_endpoints
@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "application/x-www-form-urlencoded2",
        "application/xml",
        "x",
        ";",
        "£",
        "application/jwt",
    ],
)
def test_another_content_type_is_refused(
    rp: RelyingParty, endpoint: str, content_type: str
) -> None:
    answer = rp.post(endpoint, good_body(rp).encode(), content_type=content_type)
    refused(answer, "invalid_request", "send the parameters as application/x-www-form-urlencoded")


@pytest.mark.requirement("RFC 6749", "Appendix B")
@both_endpoints
@pytest.mark.parametrize(
    "charset", ["latin-1", "iso-8859-1", "utf-16", "utf-7", '"utf-16"', "", "x", "utf-8-sig"]
)
def test_another_charset_is_refused(rp: RelyingParty, endpoint: str, charset: str) -> None:
    content_type = f"{FORM}; charset={charset}"
    answer = rp.post(endpoint, good_body(rp).encode(), content_type=content_type)
    refused(answer, "invalid_request", "send the parameters in UTF-8")


@pytest.mark.requirement("RFC 6749", "Appendix B")
@both_endpoints
@pytest.mark.parametrize(
    "content_type",
    [
        f"{FORM}; charset=utf-8",
        f"{FORM};charset=UTF-8",
        f'{FORM} ; Charset="utf-8"',
        f"{FORM}; charset=utf8",
        f"{FORM}; foo=bar",
        "Application/X-WWW-Form-URLEncoded",
    ],
)
def test_the_form_type_is_taken_in_any_case_and_with_the_utf8_charset(
    rp: RelyingParty, endpoint: str, content_type: str
) -> None:
    assert is_taken(rp.post(endpoint, good_body(rp).encode(), content_type=content_type))


@pytest.mark.requirement("RFC 6749", "3.2")
@both_endpoints
def test_multipart_and_json_with_the_right_members_are_not_read(
    rp: RelyingParty, endpoint: str
) -> None:
    members = {"request": rp.signed_request(), "grant_type": CIBA, "auth_req_id": "unknown"}
    headers = {"authorization": basic("shop", rp.secret)}
    multipart = rp.http.post(rp.mount + endpoint, members, headers=headers)
    refused(multipart, "invalid_request", "send the parameters as")
    as_json = rp.http.post(rp.mount + endpoint, members, "application/json", headers=headers)
    refused(as_json, "invalid_request", "send the parameters as")
    nothing = rp.http.post(rp.mount + endpoint, b"", "", headers=headers)
    refused(nothing, "invalid_request", "send the parameters as")


@pytest.mark.requirement("RFC 6749", "3.2")
@both_endpoints
def test_parameters_in_the_query_are_not_read(rp: RelyingParty, endpoint: str) -> None:
    answer = rp.post(f"{endpoint}?{good_body(rp)}", b"state=x")
    refused(answer, "invalid_request")
    assert is_taken(rp.post(f"{endpoint}?request=x&grant_type=x&%ff=%00", good_body(rp).encode()))


@pytest.mark.requirement("RFC 6749", "3.1")
def test_an_empty_value_counts_as_absent(rp: RelyingParty) -> None:
    words = "grant_type is missing"
    refused(rp.post("access_token", {"grant_type": ""}), "invalid_request", words)
    words = "auth_req_id is missing"
    refused(rp.poll(""), "invalid_request", words)


# --- JSON inside a signed JWT ------------------------------------------------------------------


def with_raw(claims: dict[str, Any], name: str, raw: str) -> bytes:
    """The claims as JSON, with `raw` as the text of one of them."""
    return json.dumps({**claims, name: "@here@"}).replace('"@here@"', raw).encode()


@pytest.fixture
def prover(relying_party: RelyingParties) -> RelyingParty:
    return relying_party(client_id="prover", token_endpoint_auth_method="private_key_jwt")


def requested(rp: RelyingParty, token: str) -> None:
    """As a signed request, the token is refused with invalid_request."""
    answer = refused(rp.send(token), "invalid_request")
    assert answer.json()["error_description"].startswith("request: ")


def asserted(rp: RelyingParty, token: str) -> None:
    """As a client assertion, it is refused with invalid_client at both endpoints."""
    for endpoint in ENDPOINTS:
        parameters = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": token}
        answer = rp.post(endpoint, parameters, authenticated=False)
        refused(answer, "invalid_client", "client_assertion: ", status=401)
    assert not UsedAssertion.objects.exists()


RAW = [
    r'"\ud800"',
    r'"\uDFFF"',
    r'"\ud83d"',
    r'["\ud800"]',
    r'{"\ud800": 1}',
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1e999",
    "1" + "0" * 5000,
    "[" * 33 + "]" * 33,
    "[" * 5000 + "]" * 5000,
    '{"a":' * 1500 + "1" + "}" * 1500,
    '{"a": 1, "a": 2}',
    "'x'",
    "01",
    "1.",
    "tru",
    "[1,]",
    "{,}",
    '"\t"',
    '"\\x"',
    '"',
    "",
]


@pytest.mark.requirement("RFC 8259", "2")
@pytest.mark.parametrize("raw", RAW, ids=lambda raw: raw[:20])
@pytest.mark.parametrize("name", ["binding_message", "exp", "foreign"])
def test_claims_that_are_no_strict_json_are_refused(
    rp: RelyingParty, prover: RelyingParty, name: str, raw: str
) -> None:
    header = {"alg": "ES256"}
    requested(rp, compact(header, with_raw(rp.request_claims(), name, raw), rp.key))
    payload = with_raw(prover.assertion_claims(), name, raw)
    asserted(prover, compact(header, payload, prover.key))


@pytest.mark.requirement("RFC 8259", "2")
@pytest.mark.parametrize("raw", RAW, ids=lambda raw: raw[:20])
def test_a_header_that_is_no_strict_json_is_refused(
    rp: RelyingParty, prover: RelyingParty, raw: str
) -> None:
    header = with_raw({"alg": "ES256"}, "foreign", raw)[:6000]
    requested(rp, compact(header, rp.request_claims(), rp.key))
    asserted(prover, compact(header, prover.assertion_claims(), prover.key))


@pytest.mark.requirement("RFC 7519", "7.2")
@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"[]",
        b"null",
        b"true",
        b"1",
        b'"x"',
        b"x",
        b"\xff",
        b"{} x",
        b"\xef\xbb\xbf{}",
        '{"a":"£"}'.encode("latin-1"),
        '{"a":"£"}'.encode("utf-16"),
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\x00"}',
    ],
)
def test_header_and_payload_are_json_objects_in_utf8(
    rp: RelyingParty, prover: RelyingParty, part: bytes
) -> None:
    requested(rp, compact({"alg": "ES256"}, part, rp.key))
    requested(rp, compact(part, rp.request_claims(), rp.key))
    asserted(prover, compact({"alg": "ES256"}, part, prover.key))
    asserted(prover, compact(part, prover.assertion_claims(), prover.key))


@pytest.mark.requirement("RFC 7515", "4.1")
@pytest.mark.parametrize(
    "header",
    [
        {},
        {"alg": None},
        {"alg": 1},
        {"alg": ["ES256"]},
        {"alg": {"ES256": 1}},
        {"alg": "es256"},
        {"alg": "ES256 "},
        {"alg": "ES256\0"},
        {"alg": "x" * 3000},
        {"alg": "ES256", "kid": 1},
        {"alg": "ES256", "kid": None},
        {"alg": "ES256", "kid": ["a"]},
        {"alg": "ES256", "kid": "x" * 257},
        {"alg": "ES256", "kid": "\0"},
        {"alg": "ES256", "kid": "../../etc/passwd"},
        {"alg": "ES256", "kid": "' OR 1=1 --"},
        {"alg": "ES256", "typ": 1},
        {"alg": "ES256", "typ": ["JWT"]},
        {"alg": "ES256", "typ": None},
        {"alg": "ES256", "crit": ["x"], "x": 1},
        {"alg": "RSA-OAEP", "enc": "A256GCM"},
    ],
)
def test_a_header_of_wrong_types_or_names_is_refused(
    rp: RelyingParty, prover: RelyingParty, header: dict[str, Any]
) -> None:
    requested(rp, compact(header, rp.request_claims(), rp.key))
    asserted(prover, compact(header, prover.assertion_claims(), prover.key))


@pytest.mark.requirement("RFC 7515", "2")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token + "=",
        lambda token: token.replace(".", "=.", 1),
        lambda token: token + " ",
        lambda token: " " + token,
        lambda token: token + "\n",
        lambda token: token.replace(".", "..", 1),
        lambda token: token + ".",
        lambda token: token[:-1] + "*",
        lambda token: token[:-1],
        lambda token: token[:-2],
        lambda token: token + "A",
        lambda token: token + "AAAA",
        lambda token: "£" + token[1:],
        lambda token: token.replace(".", "\u3002"),
        lambda token: token.rpartition(".")[0] + "." + base64url(b"\0" * 64),
        lambda token: token.rpartition(".")[0] + "." + base64url(b"\xff" * 64),
        lambda token: token.rpartition(".")[0] + "." + base64url(b"0" * 4000),
    ],
    ids=range(17),
)
def test_a_token_that_is_spoiled_in_one_place_is_refused(
    rp: RelyingParty, prover: RelyingParty, spoil: Callable[[str], str]
) -> None:
    requested(rp, spoil(rp.signed_request()))
    asserted(prover, spoil(prover.assertion()))


@pytest.mark.requirement("RFC 7515", "7.2")
def test_the_json_serialization_is_not_taken(rp: RelyingParty, prover: RelyingParty) -> None:
    def flattened(token: str) -> str:
        protected, payload, signature = token.split(".")
        return json.dumps({"protected": protected, "payload": payload, "signature": signature})

    requested(rp, flattened(rp.signed_request()))
    asserted(prover, flattened(prover.assertion()))


# --- keys and algorithms that forge ------------------------------------------------------------


def public_faces(private: PrivateKey) -> list[bytes]:
    """Everything that is public about a key and that HMAC could take for a secret."""
    public = private.key.public_key()
    jwk = private.public_jwk
    faces = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).strip(),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(jwk).encode(),
        json.dumps(jwk, separators=(",", ":")).encode(),
        json.dumps({"keys": [jwk]}).encode(),
        private.kid.encode(),
        b"",
    ]
    return faces + [from_base64url(jwk[name]) for name in ("x", "y", "n") if name in jwk]


@pytest.mark.requirement("RFC 8725", "2.1")
@pytest.mark.parametrize("alg", ["ES256", "RS256"])
@pytest.mark.parametrize("claimed", ["HS256", "ES256", "RS256", "PS256"])
def test_hmac_with_the_public_key_forges_nothing(
    relying_party: RelyingParties, alg: str, claimed: str
) -> None:
    rp = relying_party(alg=alg)
    prover = relying_party(
        client_id="prover", alg=alg, token_endpoint_auth_method="private_key_jwt"
    )
    for secret in public_faces(rp.key):
        for header in ({"alg": claimed}, {"alg": claimed, "kid": rp.key.kid}):
            requested(rp, compact(header, rp.request_claims(), secret))
            asserted(prover, compact(header, prover.assertion_claims(), secret))


@pytest.mark.requirement("RFC 8725", "2.1")
def test_the_clients_secret_is_no_signature_key(rp: RelyingParty) -> None:
    for secret in (rp.secret, rp.client.secret_digest):
        requested(rp, compact({"alg": "HS256"}, rp.request_claims(), secret.encode()))


@pytest.mark.requirement("RFC 8725", "3.2")
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nONE"])
def test_unsigned_tokens_are_refused(rp: RelyingParty, prover: RelyingParty, alg: str) -> None:
    for header in ({"alg": alg}, {"alg": alg, "kid": rp.key.kid}):
        requested(rp, compact(header, rp.request_claims()))
        requested(rp, compact(header, rp.request_claims(), rp.key))
        asserted(prover, compact(header, prover.assertion_claims()))
    beheaded = rp.signed_request().rpartition(".")[0]
    requested(rp, beheaded + ".")
    requested(rp, beheaded)


@pytest.mark.requirement("RFC 8725", "3.1")
def test_the_key_of_one_algorithm_signs_for_no_other(relying_party: RelyingParties) -> None:
    rp = relying_party(alg="RS256")  # its JWK says alg RS256
    other = PrivateKey(kid=rp.key.kid, alg="PS256", key=rp.key.key)
    requested(rp, sign(rp.request_claims(), other))


@pytest.mark.requirement("RFC 8725", "3.8")
def test_tokens_of_other_issuers_prove_and_ask_nothing(
    rp: RelyingParty, prover: RelyingParty, realm: Realm
) -> None:
    """Our own ID token, another realm's, and a stranger's, each in every place of a JWT."""
    stranger = key("ES256", "stranger")
    with at():
        claims = {"iss": "https://other.example", "aud": "shop", "sub": "1", "exp": NOW + 60}
        tokens = [
            sign(claims, stranger),
            sign({**claims, "iss": rp.issuer}, stranger),
            sign({**claims, "iss": rp.issuer}, key("ES256", realm.path)),
            sign({**claims, "iss": rp.issuer}, key("ES256", make_realm("alpha", realm).path)),
        ]
        for token in tokens:
            requested(rp, token)
            asserted(prover, token)
        ours = tokens.pop(2)
        for token in tokens:
            hinted = rp.authenticate(login_hint=None, id_token_hint=token)
            refused(hinted, "invalid_request", "id_token_hint: ")
        assert ours not in tokens


# --- values ------------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 7519", "2")
@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "value", [True, False, "1", "", [], {}, [1], -1, -0.5, 2**63, 2**64, 10**4000, 1e300, -(2**63)]
)
def test_a_time_of_another_type_or_size_is_refused(
    rp: RelyingParty, prover: RelyingParty, claim: str, value: Any
) -> None:
    answer = refused(rp.authenticate(**{claim: value}), "invalid_request")
    description = answer.json()["error_description"]
    assert description.startswith(("request: claim ", "JWT expiration time is unreasonable"))
    asserted(prover, prover.assertion(**{claim: value}))


@pytest.mark.requirement("Protocol", "3")
@pytest.mark.parametrize("text", ["\0", "a\0b", "alice\0"])
@pytest.mark.parametrize(
    "name",
    [
        "scope",
        "login_hint",
        "acr_values",
        "binding_message",
        "ui_locales",
        "iss",
        "id_token_hint",
        "login_hint_token",
    ],
)
def test_nul_in_a_claim_never_reaches_the_database(rp: RelyingParty, name: str, text: str) -> None:
    hint = {"login_hint": None} if name.startswith(("id_token", "login_hint_")) else {}
    error = "invalid_binding_message" if name == "binding_message" else "invalid_request"
    refused(rp.authenticate(**{**hint, name: text}), error)


@pytest.mark.requirement("Protocol", "3")
@pytest.mark.parametrize("text", ["\0", "\U0010ffff", "\ufffe", "\x7f", "\u202e", "x" * 2000])
def test_strange_texts_in_claims_that_nobody_reads_do_no_harm(rp: RelyingParty, text: str) -> None:
    accepted(rp.authenticate(foreign=text, nested={text: [text]}, jti=text, sub=text))


# --- the token endpoint ------------------------------------------------------------------------


@pytest.mark.requirement("RFC 6749", "5.2")
@pytest.mark.parametrize(
    "auth_req_id",
    ["x", "unknown", "'", "%", "..", "£", "🔑", " ", "x" * 60_000, "a" * 43, "null", "[]", "{}"],
    ids=lambda value: value[:10],
)
def test_an_auth_req_id_that_is_none_is_invalid_grant(rp: RelyingParty, auth_req_id: str) -> None:
    refused(rp.poll(auth_req_id), "invalid_grant", "unknown, used, or was issued to another")


@pytest.mark.requirement("CIBA Core", "11")
def test_a_foreign_auth_req_id_is_unknown_and_stays_its_owners(
    rp: RelyingParty, relying_party: RelyingParties
) -> None:
    bank = relying_party(client_id="bank")
    auth_req_id = rp.auth_req_id()
    before = AuthenticationRequest.objects.values().get()
    refused(bank.poll(auth_req_id), "invalid_grant", "another client", stored=1)
    assert AuthenticationRequest.objects.values().get() == before
    approve(auth_req_id)
    before = AuthenticationRequest.objects.values().get()
    refused(bank.poll(auth_req_id), "invalid_grant", "another client", stored=1)
    assert AuthenticationRequest.objects.values().get() == before
    assert not Grant.objects.exists()
    assert rp.poll(auth_req_id).status_code == 200
    refused(bank.poll(auth_req_id), "invalid_grant", "another client", stored=1)
    assert Grant.objects.get().revoked_at is None


@pytest.mark.requirement("RFC 6749", "5.2")
@pytest.mark.parametrize("grant_type", ["password", "CIBA", CIBA.upper(), f"{CIBA} ", "x" * 9999])
def test_a_grant_that_is_none_is_unsupported(rp: RelyingParty, grant_type: str) -> None:
    auth_req_id = rp.auth_req_id()
    answer = rp.poll(auth_req_id, grant_type=grant_type)
    refused(answer, "unsupported_grant_type", "grant_type is one of", stored=1)
    assert find(auth_req_id).polled_us == 0


# --- userinfo ----------------------------------------------------------------------------------


@pytest.mark.requirement("RFC 6750", "3.1")
@pytest.mark.parametrize(
    "token",
    ["x", "a.b.c", "x" * 60_000, "\xa3", '"', "%00", "null", "x,y", "\ud83d\udd11"],
    ids=ascii,
)
def test_an_access_token_that_is_none_is_invalid_token(rp: RelyingParty, token: str) -> None:
    header = token.encode("utf-8", "surrogatepass").decode("latin-1")
    answer = rp.userinfo(header)
    refused(answer, "invalid_token", "unknown, expired or revoked", status=401)
    assert 'Bearer realm="userinfo", error="invalid_token"' in answer["WWW-Authenticate"]
    by_dpop = rp.userinfo(header, Authorization=f"DPoP {header}")
    refused(by_dpop, "invalid_token", "unknown, expired or revoked", status=401)
    assert 'DPoP realm="userinfo", error="invalid_token"' in by_dpop["WWW-Authenticate"]


@pytest.mark.requirement("RFC 6750", "2.1")
@pytest.mark.parametrize("header", ["", "Basic c2hvcDp4", "Token x", "\xa3", "Bearer,DPoP x"])
def test_a_header_without_a_token_is_401_with_a_bare_challenge(
    rp: RelyingParty, header: str
) -> None:
    answer = rp.http.get("/oauth2/userinfo", headers={"authorization": header})
    refused(answer, "invalid_token", "Authorization: Bearer", status=401)
    assert answer["WWW-Authenticate"] == (
        'Bearer realm="userinfo", DPoP realm="userinfo", algs="ES256 PS256 RS256 EdDSA"'
    )


@pytest.mark.requirement("RFC 6750", "3.1")
@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "bearer a b", "DPoP", "dpop a b", "Bearer x, DPoP y"]
)
def test_a_scheme_without_exactly_one_token_is_an_invalid_request(
    rp: RelyingParty, header: str
) -> None:
    answer = rp.http.get("/oauth2/userinfo", headers={"authorization": header})
    refused(answer, "invalid_request", "and then one token")
    assert 'error="invalid_request"' in answer["WWW-Authenticate"]


@pytest.mark.requirement("RFC 9700", "4.3.2")
def test_tokens_and_ids_of_other_kinds_open_no_userinfo(rp: RelyingParty) -> None:
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    tokens = rp.poll(auth_req_id).json()
    others = [tokens["id_token"], tokens["refresh_token"], auth_req_id, rp.secret]
    for other in [*others, rp.signed_request(), rp.assertion()]:
        refused(rp.userinfo(other), "invalid_token", status=401, stored=1)
    answer = rp.http.get(f"/oauth2/userinfo?access_token={tokens['access_token']}")
    refused(answer, "invalid_request", "outside the Authorization header", stored=1)
    assert rp.userinfo(tokens["access_token"]).status_code == 200
    assert Token.objects.filter(used_at__isnull=True).count() == 2


@pytest.mark.requirement("RFC 6750", "2.2")
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"access_token=x", FORM),
        (b"\xff\x00", FORM),
        (b"x=1&x=2", FORM),
        (b"&".join(b"x%d=y" % number for number in range(2000)), FORM),
        (b"[" * 100_000, "application/json"),
        (b"--x", "multipart/form-data; boundary=x"),
        (b"x" * 20 * MEGABYTE, FORM),
    ],
    ids=range(7),
)
def test_a_body_sent_to_userinfo_is_not_read(
    rp: RelyingParty, body: bytes, content_type: str
) -> None:
    nothing = rp.http.post("/oauth2/userinfo", body, content_type)
    refused(nothing, "invalid_token", "Authorization: Bearer", status=401)
    auth_req_id = rp.auth_req_id()
    approve(auth_req_id)
    access_token = rp.poll(auth_req_id).json()["access_token"]
    headers = {"authorization": f"Bearer {access_token}"}
    answer = rp.http.post("/oauth2/userinfo", body, content_type, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["name"] == "Alice Adams"


# --- what the host does around us --------------------------------------------------------------

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def reads_the_body(get_response: GetResponse) -> GetResponse:
    """A host's middleware that logs bodies."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        assert request.body is not None
        return get_response(request)

    return middleware


def reads_the_form(get_response: GetResponse) -> GetResponse:
    """A host's middleware that looks into every form."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        assert request.POST.get("nothing") is None
        return get_response(request)

    return middleware


@pytest.fixture(params=["reads_the_body", "reads_the_form"])
def early_reader(request: pytest.FixtureRequest, settings: Any) -> None:
    settings.MIDDLEWARE = [f"{__name__}.{request.param}", *settings.MIDDLEWARE]


@pytest.mark.requirement("Protocol", "3")
@pytest.mark.usefixtures("early_reader")
def test_middleware_that_reads_the_request_before_us_changes_nothing(
    rp: RelyingParty, prover: RelyingParty
) -> None:
    auth_req_id = rp.auth_req_id()
    assert rp.poll(auth_req_id).json()["error"] == "authorization_pending"
    accepted(prover.authenticate(binding_message="£50"))
    refusals = {
        b"request=x&request=y": "more than once",
        b"request=%00": "NUL",
        b"request=%ff": "not UTF-8",
        b"x" * 65_537: "longer than",
        b"&".join(b"x%d=y" % number for number in range(500)): "more than 100 parameters",
    }
    for body, words in refusals.items():
        refused(rp.post("bc-authorize", body), "invalid_request", words, stored=2)
    other = rp.post("bc-authorize", b"{}", content_type="application/json")
    refused(other, "invalid_request", "send the parameters as", stored=2)
    multipart = rp.http.post("/oauth2/bc-authorize", {"request": "x"})
    refused(multipart, "invalid_request", "send the parameters as", stored=2)


@pytest.mark.requirement("RFC 7523", "3", row="7")
def test_atomic_requests_do_not_give_a_used_jti_back(
    prover: RelyingParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    assertion = prover.assertion()
    parameters = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    first = prover.post("bc-authorize", parameters, authenticated=False)
    refused(first, "invalid_request", "Request must have a 'request' parameter")
    again = prover.post("bc-authorize", parameters, authenticated=False)
    refused(again, "invalid_client", "jti has been used", status=401)


@pytest.mark.requirement("Protocol", "3")
@pytest.mark.django_db(transaction=True)
def test_atomic_requests_put_no_transaction_around_us(
    rp: RelyingParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an answer that has gone out could be of rows that a later failure took back."""
    auth_req_id = rp.auth_req_id()
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    inside: list[bool] = []

    def note(execute: Any, *arguments: Any) -> Any:
        inside.append(connections["default"].in_atomic_block)
        return execute(*arguments)

    with connections["default"].execute_wrapper(note):
        refused(rp.poll(auth_req_id), "authorization_pending", stored=1)
    assert inside
    assert not any(inside)


@pytest.mark.requirement("RFC 6749", "5.2")
@pytest.mark.usefixtures("rp")
def test_csrf_protection_is_for_browsers_with_cookies(rp: RelyingParty) -> None:
    rp.http = HttpClient(enforce_csrf_checks=True)
    accepted(rp.authenticate())


@pytest.mark.requirement("Protocol", "3")
@pytest.mark.parametrize("length", ["true", "none", "small"])
def test_an_asgi_host_is_answered_alike(rp: RelyingParty, length: str) -> None:
    """There the whole body has arrived before us, whatever its announced length was."""

    @async_to_sync
    async def send(body: bytes) -> Any:
        announced = {"true": len(body), "none": "", "small": 1}[length]
        headers = {"Authorization": basic("shop", rp.secret), "Content-Length": str(announced)}
        asgi = AsyncClient()
        return await asgi.generic("POST", "/oauth2/bc-authorize", body, FORM, headers=headers)

    accepted(send(good_body(rp).encode()))
    long = b"x=" + b"y" * 20 * MEGABYTE
    refused(send(long), "invalid_request", "the body is longer than 65536 bytes", stored=1)
    refused(send(b"x=1&x=2"), "invalid_request", "more than once", stored=1)
    refused(send(b"\xff"), "invalid_request", "not UTF-8", stored=1)
