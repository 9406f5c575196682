"""Public key selector JWKs_URI: keys that are read from the client's own address.

The address is a real server on loopback that counts its callers.
"""

import json
import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.contrib.auth.models import AbstractBaseUser

from django_ciba.client_keys import remote
from django_ciba.jose import sign
from django_ciba.models import Realm, RemoteJwks
from tests.conformance.conftest import ISSUER, RelyingParties
from tests.conformance.wire import NOW, accepted, at, refused
from tests.faults.test_races import database_url, race
from tests.jwks_server import JwksServer, respond
from tests.provider import key
from tests.relying_party import RelyingParty, compact

__all__ = ["database_url"]  # a fixture

NOTHING_READ = "no usable key could be read from the registered jwks_uri"
UNKNOWN = "no registered key fits kid and alg"
DEADLINE = 1.0


@pytest.fixture(autouse=True)
def loopback(site: None, settings: Any) -> Iterator[None]:
    settings.DJANGO_CIBA = {
        **settings.DJANGO_CIBA,
        "OUTBOUND_ALLOW_LOOPBACK": True,
        "OUTBOUND_DEADLINE": DEADLINE,
    }
    remote.forget()
    yield
    remote.forget()


@pytest.fixture
def server() -> Iterator[JwksServer]:
    with JwksServer(key("ES256", "client").public_jwk) as running:
        yield running


@pytest.fixture
def rp(relying_party: RelyingParties, server: JwksServer) -> RelyingParty:
    """A client that proves itself by its secret and signs requests by its published keys."""
    return relying_party(jwks=None, jwks_uri=server.url)


def signed_by(rp: RelyingParty, name: str) -> Any:
    return rp.send(sign(rp.request_claims(), key("ES256", name)))


def public(name: str) -> dict[str, Any]:
    return dict(key("ES256", name).public_jwk)


def another_process() -> None:
    """What this process holds in memory is gone; the row is what a second one would find."""
    remote.forget()


# --- reading and keeping -----------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "7.1.1")
@pytest.mark.usefixtures("asked_often")
def test_the_keys_of_a_signed_request_are_read_once_and_kept(
    rp: RelyingParty, server: JwksServer
) -> None:
    for _ in range(5):
        accepted(rp.authenticate())
    assert server.asked == ["/keys"]


@pytest.mark.requirement("OIDC Core", "9")
@pytest.mark.parametrize("alg", ["ES256", "PS256", "RS256", "EdDSA"])
def test_the_keys_of_an_assertion_are_read_once_and_kept(
    relying_party: RelyingParties, server: JwksServer, alg: str
) -> None:
    server.publish(key(alg, "client").public_jwk)
    rp = relying_party(
        alg=alg, jwks=None, jwks_uri=server.url, token_endpoint_auth_method="private_key_jwt"
    )
    auth_req_id = rp.auth_req_id()
    assert rp.poll(auth_req_id).json()["error"] == "authorization_pending"
    assert len(server.asked) == 1


@pytest.mark.requirement("Protocol", "2", row="JWKs_URI")
def test_a_second_process_finds_what_the_first_one_read(
    rp: RelyingParty, server: JwksServer
) -> None:
    accepted(rp.authenticate())
    another_process()
    accepted(rp.authenticate())
    assert len(server.asked) == 1
    assert RemoteJwks.objects.get().document == server.document


@pytest.mark.requirement("Protocol", "2", row="JWKs_URI")
def test_two_clients_of_one_address_share_what_was_read(
    rp: RelyingParty, relying_party: RelyingParties, server: JwksServer
) -> None:
    accepted(rp.authenticate())
    accepted(relying_party(client_id="bank", jwks=None, jwks_uri=server.url).authenticate())
    assert len(server.asked) == 1


@pytest.mark.requirement("Protocol", "2", row="JWKs_URI")
@pytest.mark.usefixtures("asked_often")
def test_the_set_is_read_again_after_its_age(rp: RelyingParty, server: JwksServer) -> None:
    for seconds, times in ((0, 1), (299, 1), (300, 2), (599, 2), (600, 3)):
        with at(seconds):
            accepted(rp.authenticate())
        assert len(server.asked) == times, seconds


@pytest.mark.requirement("RFC 7517", "5")
def test_keys_of_kinds_that_we_do_not_speak_are_skipped(
    rp: RelyingParty, server: JwksServer
) -> None:
    server.publish(
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA", "kid": "future"},
        {"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA", "kid": "large"},
        {"kty": "OKP", "crv": "X25519", "x": "AAAA", "kid": "agreement"},
        {**public("encryption"), "use": "enc"},
        {"kty": "RSA", "alg": "RS512", "n": "AQAB", "e": "AQAB", "kid": "other"},
        public("client"),
    )
    accepted(rp.authenticate())


@pytest.mark.requirement("RFC 7515", "4.1.4")
def test_a_published_key_without_kid_is_tried(rp: RelyingParty, server: JwksServer) -> None:
    nameless = {name: value for name, value in public("client").items() if name != "kid"}
    server.publish(nameless, {**nameless, **{n: public("spare")[n] for n in ("x", "y")}})
    accepted(rp.authenticate())
    accepted(rp.send(compact({"alg": "ES256"}, rp.request_claims(), rp.key)))


# --- rotation ----------------------------------------------------------------------------------


@pytest.mark.requirement("OIDC Core", "10.1.1")
def test_a_new_kid_has_the_set_read_again_at_once(rp: RelyingParty, server: JwksServer) -> None:
    with at(0):
        accepted(rp.authenticate())
    server.publish(public("client"), public("next"))
    with at(31):
        accepted(signed_by(rp, "next"))
        accepted(rp.authenticate())
    assert len(server.asked) == 2


@pytest.mark.requirement("OIDC Core", "10.1.1")
def test_a_new_kid_soon_after_a_read_waits_for_the_least_time_between_two_reads(
    rp: RelyingParty, server: JwksServer
) -> None:
    with at(0):
        accepted(rp.authenticate())
    server.publish(public("client"), public("next"))
    for seconds in (1, 29.999):
        with at(seconds):
            refused(signed_by(rp, "next"), "invalid_request", UNKNOWN, stored=1)
    assert len(server.asked) == 1
    with at(30):
        accepted(signed_by(rp, "next"))
    assert len(server.asked) == 2


@pytest.mark.requirement("OIDC Core", "10.1.1")
def test_a_key_that_was_replaced_under_its_old_kid_is_found_too(
    rp: RelyingParty, server: JwksServer
) -> None:
    with at(0):
        accepted(rp.authenticate())
    server.publish({**public("next"), "kid": "same"})
    token_header = {"alg": "ES256", "kid": "same"}
    with at(30):
        accepted(rp.send(compact(token_header, rp.request_claims(), key("ES256", "next"))))
    server.publish({**public("third"), "kid": "same"})
    with at(60):
        accepted(rp.send(compact(token_header, rp.request_claims(), key("ES256", "third"))))
    assert len(server.asked) == 3


@pytest.mark.requirement("OIDC Core", "10.1.1")
def test_a_key_that_was_taken_away_is_refused_from_the_next_read_on(
    rp: RelyingParty, server: JwksServer
) -> None:
    with at(0):
        accepted(rp.authenticate())
    server.publish(public("next"))
    with at(299):
        accepted(rp.authenticate())
    with at(300):
        refused(rp.authenticate(), "invalid_request", UNKNOWN, stored=2)
        accepted(signed_by(rp, "next"))


@pytest.mark.requirement("OIDC Core", "10.1.1")
def test_a_rotation_seen_by_one_process_is_seen_by_the_others_without_asking(
    rp: RelyingParty, server: JwksServer
) -> None:
    with at(0):
        accepted(rp.authenticate())
    held_by_this_process = dict(remote._held)
    server.publish(public("client"), public("next"))
    another_process()
    with at(40):
        accepted(signed_by(rp, "next"))
    assert len(server.asked) == 2
    remote._held.update(held_by_this_process)  # and back in the first one
    with at(41):
        accepted(signed_by(rp, "next"))
    assert len(server.asked) == 2


@pytest.mark.requirement("Protocol", "2", row="JWKs_URI")
def test_a_flood_of_unknown_kids_asks_the_address_once_in_30_seconds(
    rp: RelyingParty, server: JwksServer
) -> None:
    with at(0):
        accepted(rp.authenticate())
    for seconds, times in ((5, 1), (30, 2), (45, 2), (59, 2), (60, 3)):
        with at(seconds):
            for number in range(10):
                header = {"alg": "ES256", "kid": f"{seconds}-{number}"}
                token = compact(header, rp.request_claims(), key("ES256", "stranger"))
                refused(rp.send(token), "invalid_request", UNKNOWN, stored=1)
                nameless = compact({"alg": "ES256"}, rp.request_claims(), key("ES256", "stranger"))
                answer = rp.send(nameless)
                refused(answer, "invalid_request", "does not verify", stored=1)
                if number % 3 == 0:
                    another_process()
        assert len(server.asked) == times, seconds
    with at(61):
        accepted(rp.authenticate())


@pytest.mark.requirement("Protocol", "2", row="JWKs_URI")
def test_the_row_says_when_the_address_may_be_asked_again(
    rp: RelyingParty, server: JwksServer
) -> None:
    with at(0):
        accepted(rp.authenticate())
    row = RemoteJwks.objects.get()
    assert row.url == server.url
    assert row.fetched_at is not None
    assert row.fetched_at.timestamp() == NOW
    assert row.next_fetch_at == row.fetched_at + timedelta(seconds=30)
    assert row.problem == ""


# --- an address that does not answer -----------------------------------------------------------


def fails(handler: BaseHTTPRequestHandler) -> None:
    respond(handler, b"", 503)


@pytest.mark.requirement("Protocol", "2", row="JWKs_URI")
def test_what_was_read_is_used_for_a_day_while_the_address_is_down(
    rp: RelyingParty, server: JwksServer
) -> None:
    with at(0):
        accepted(rp.authenticate())
    server.answer = fails
    for seconds in (300, 3600, 86_400):
        another_process()
        with at(seconds):
            accepted(rp.authenticate())
    with at(86_401):
        refused(rp.authenticate(), "invalid_request", NOTHING_READ, stored=4)
    assert RemoteJwks.objects.get().problem == "answered with status 503"
    server.answer = None
    with at(86_431):
        accepted(rp.authenticate())
    assert RemoteJwks.objects.get().problem == ""


@pytest.mark.requirement("Protocol", "2", row="JWKs_URI")
def test_an_address_that_is_down_is_asked_once_in_30_seconds(
    rp: RelyingParty, server: JwksServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer = fails
    monkeypatch.setattr(remote, "PATIENCE", 3600.0)  # nobody waits for what has failed
    for seconds, times in ((0, 1), (1, 1), (29, 1), (30, 2), (59, 2), (60, 3)):
        with at(seconds):
            for _ in range(3):
                refused(rp.authenticate(), "invalid_request", NOTHING_READ)
                another_process()
        assert len(server.asked) == times, seconds
    server.answer = None
    with at(90):
        accepted(rp.authenticate())


@pytest.mark.requirement("Protocol", "2", row="JWKs_URI")
def test_an_address_where_nobody_listens_is_a_refusal_like_any_other(
    relying_party: RelyingParties,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    rp = relying_party(jwks=None, jwks_uri=f"http://127.0.0.1:{port}/keys")
    refused(rp.authenticate(), "invalid_request", NOTHING_READ)
    assert RemoteJwks.objects.get().problem == "the connection failed"


@pytest.mark.requirement("Protocol", "2", row="JWKs_URI")
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/keys",
        "https://127.0.0.1:{port}/keys",
        "https://localhost:{port}/keys",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/keys",
        "https://[::1]/keys",
        "file:///etc/passwd",
        "keys",
    ],
)
def test_an_address_that_we_do_not_call_is_not_called(
    relying_party: RelyingParties, server: JwksServer, settings: Any, url: str
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "OUTBOUND_ALLOW_LOOPBACK": False}
    port = server.url.rpartition(":")[2].partition("/")[0]
    rp = relying_party(jwks=None, jwks_uri=url.format(port=port))
    refused(rp.authenticate(), "invalid_request", NOTHING_READ)
    assert RemoteJwks.objects.get().problem.startswith("must ")
    assert server.asked == []


# --- hostile answers ---------------------------------------------------------------------------


def document(**changes: Any) -> bytes:
    """A set with the client's good key, spoiled."""
    return json.dumps({"keys": [{**public("client"), **changes}]}).encode()


GOOD = json.dumps({"keys": [public("client")]}).encode()
Answer = Callable[[BaseHTTPRequestHandler], None]


def body(content: bytes, status: int = 200, **headers: str) -> Answer:
    return lambda handler: respond(handler, content, status, **headers)


def drips(handler: BaseHTTPRequestHandler) -> None:
    """One octet at a time, each within any timeout for one read."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for octet in GOOD:
        handler.wfile.write(bytes((octet,)))
        handler.wfile.flush()
        time.sleep(0.1)


def never_ends(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        handler.wfile.write(b" " * 65_536)


def says_nothing(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(2 * DEADLINE)


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + GOOD)


def no_http(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\x16\x03\x01\x02\x00" + GOOD)


def redirects(handler: BaseHTTPRequestHandler) -> None:
    respond(handler, GOOD, 302, Location="/elsewhere")


HOSTILE: dict[str, Answer] = {
    "html": body(b"<!doctype html><title>Sign in</title>", Content_Type="text/html"),
    "nothing": body(b""),
    "no object": body(b"[]"),
    "null": body(b"null"),
    "no keys": body(b"{}"),
    "keys no list": body(b'{"keys": {}}'),
    "keys of texts": body(b'{"keys": ["x"]}'),
    "empty set": body(b'{"keys": []}'),
    "single key": body(json.dumps(public("client")).encode()),
    "not found": body(GOOD, 404),
    "partial": body(GOOD, 206),
    "redirect": redirects,
    "gzip": body(GOOD, Content_Encoding="gzip"),
    "large": body(GOOD + b" " * 70_000),
    "endless": never_ends,
    "dripping": drips,
    "silent": says_nothing,
    "cut": hangs_up,
    "no http": no_http,
    "deep": body(b"[" * 20_000 + b"]" * 20_000),
    "latin-1": body(GOOD.replace(b"ES256", b"ES256\xa3")),
    "surrogate": body(document(note="@").replace(b"@", b"\\ud800")),
    "nul": body(document(note="\0")),
    "nul in kid": body(document(kid="\0")),
    "twice": body(GOOD.replace(b'{"keys"', b'{"keys": [], "keys"')),
    "number": body(document(note=1).replace(b'"note": 1', b'"note": 1e999')),
    "many": body(json.dumps({"keys": [public("client")] * 51}).encode()),
    "same kid": body(json.dumps({"keys": [public("client"), public("client")]}).encode()),
    "private": body(document(d="AAAA")),
    "symmetric": body(json.dumps({"keys": [{"kty": "oct", "k": "AAAA"}]}).encode()),
    "off the curve": body(document(y=public("spare")["y"])),
    "x as number": body(document(x=1)),
    "kid as list": body(document(kid=["a"])),
    "wrong operation": body(document(key_ops=["sign"])),
}


@pytest.mark.requirement("Protocol", "2", row="JWKs_URI")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_is_a_clean_refusal(
    rp: RelyingParty, relying_party: RelyingParties, server: JwksServer, name: str
) -> None:
    server.answer = HOSTILE[name]
    started = time.monotonic()
    refused(rp.authenticate(), "invalid_request", NOTHING_READ)
    assert time.monotonic() - started < DEADLINE + 2
    assert server.asked == ["/keys"]
    RemoteJwks.objects.update(next_fetch_at=None)
    prover = relying_party(
        client_id="prover",
        jwks=None,
        jwks_uri=server.url,
        token_endpoint_auth_method="private_key_jwt",
    )
    refused(prover.authenticate(), "invalid_client", NOTHING_READ, status=401)
    assert server.asked == ["/keys", "/keys"]
    row = RemoteJwks.objects.get()
    if name == "empty set":
        assert row.document == {"keys": []}
    else:
        assert row.document is None
        assert row.problem


@pytest.mark.requirement("Protocol", "2", row="JWKs_URI")
@pytest.mark.parametrize("name", [each for each in HOSTILE if each != "empty set"])
def test_a_hostile_answer_does_not_spoil_the_set_that_was_read_before(
    rp: RelyingParty, server: JwksServer, name: str
) -> None:
    accepted(rp.authenticate())
    before = RemoteJwks.objects.get()
    server.answer = HOSTILE[name]
    RemoteJwks.objects.update(next_fetch_at=None)
    refused(signed_by(rp, "next"), "invalid_request", UNKNOWN, stored=1)
    assert len(server.asked) == 2
    accepted(rp.authenticate())
    another_process()
    accepted(rp.authenticate())
    after = RemoteJwks.objects.get()
    assert (after.document, after.fetched_at) == (before.document, before.fetched_at)
    assert after.problem


# --- who else publishes keys -------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "7.1", row="login_hint_token")
def test_a_trusted_hint_issuer_may_publish_its_keys_too(
    relying_party: RelyingParties, realm: Realm, server: JwksServer, alice: AbstractBaseUser
) -> None:
    hinter = "https://hints.example.org"
    realm.settings = {"trusted_hint_issuers": [{"issuer": hinter, "jwks_uri": server.url}]}
    realm.save()
    rp = relying_party()
    claims = {
        "iss": hinter,
        "aud": ISSUER,
        "exp": rp.now() + 60,
        "sub_id": {"format": "opaque", "id": str(alice.pk)},
    }
    token = sign(claims, key("ES256", "hinter"))
    server.publish(public("hinter"))
    for _ in range(2):
        accepted(rp.authenticate(login_hint=None, login_hint_token=token))
    assert len(server.asked) == 1
    server.answer = fails
    RemoteJwks.objects.all().delete()
    another_process()
    answer = rp.authenticate(login_hint=None, login_hint_token=token)
    refused(answer, "invalid_request", f"login_hint_token: {NOTHING_READ}", stored=2)


@pytest.mark.requirement("Protocol", "2", row="JWKs_URI")
@pytest.mark.slow
@pytest.mark.only_on("sqlite")
def test_of_twenty_callers_in_four_processes_one_asks_the_address(
    database_url: str, tmp_path: Any
) -> None:
    """The others wait for what it gets: at first use, and when a new key signs."""
    for number, each in enumerate(race("jwks", 4, database_url, tmp_path), start=1):
        assert set(each["results"]) == {"200"}
        assert each["asked"] == number
