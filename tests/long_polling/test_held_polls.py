"""CIBA Core §7.3: polls that are held until the user has answered, on a real ASGI server."""

import secrets
import time
import uuid
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from django_ciba.jose import PrivateKey, sign
from tests.live_site import realm_document
from tests.long_polling.asgi_site import GENEROUS, AsgiSite, Poll, until
from tests.plugin import leave_out
from tests.relying_party import ASSERTION_TYPE, CIBA, FORM, basic, compact
from tests.services import Redis

pytestmark = [pytest.mark.slow, pytest.mark.requirement("CIBA Core", "7.3")]

SECRET = "0123456789abcdefghijklmnopqrstuvwxyz"
KEY = PrivateKey.generate("ES256")
MOST = 3
PENDING = {
    "error": "authorization_pending",
    "error_description": "End user has not yet been authenticated",
}
LONG = {"require_signed_request_object": False, "backchannel_long_polling": True}
CLIENTS = [
    {"client_id": "patient", "client_secret": SECRET, **LONG},
    {"client_id": "disabled", "client_secret": SECRET, **LONG},
    {"client_id": "dpop", "client_secret": SECRET, "dpop_bound_access_tokens": True, **LONG},
    {"client_id": "brisk", "client_secret": SECRET, "require_signed_request_object": False},
    {
        "client_id": "key",
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [KEY.public_jwk]},
        **LONG,
    },
]
DOCUMENT = realm_document(
    "/", clients=CLIENTS, polling_interval=1, auth_req_id_lifetime_min=1, scopes=["openid"]
)


@pytest.fixture(scope="module")
def running_site() -> Iterator[AsgiSite]:
    with AsgiSite([DOCUMENT], LONG_POLLING_MOST=MOST) as site:
        yield site


@pytest.fixture
def site(running_site: AsgiSite) -> Iterator[AsgiSite]:
    with running_site.telling():
        yield running_site


def credentials(site: AsgiSite, client_id: str) -> dict[str, Any]:
    """What `requests` sends for that client, beside the parameters; an assertion is a new one."""
    if client_id != "key":
        return {"auth": (client_id, SECRET)}
    claims = {"iss": "key", "sub": "key", "aud": site.issuer(), "exp": int(time.time()) + 60}
    assertion = sign({**claims, "jti": secrets.token_hex(8)}, KEY)
    return {"data": {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}}


def begun(site: AsgiSite, client_id: str = "patient", **changes: Any) -> str:
    """The auth_req_id of a new request for alice, which looks like no other to her."""
    sent = credentials(site, client_id)
    asked = {"scope": "openid", "login_hint": "alice", "binding_message": secrets.token_hex(8)}
    data = {**asked, **sent.pop("data", {}), **changes}
    address = f"{site.issuer()}/bc-authorize"
    answer = site.http.post(address, data=data, timeout=GENEROUS, **sent)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["auth_req_id"])


def poll(site: AsgiSite, auth_req_id: str, client_id: str = "patient", **more: Any) -> Poll:
    sent = credentials(site, client_id)
    data = {"grant_type": CIBA, "auth_req_id": auth_req_id, **sent.pop("data", {})}
    return Poll(site, data=data, **sent, **more)


def held(site: AsgiSite, auth_req_id: str, client_id: str = "patient", **more: Any) -> Poll:
    """A poll that has reached the endpoint, and is not answered."""
    found = poll(site, auth_req_id, client_id, **more)
    until(lambda: site.was_polled(auth_req_id), "the poll did not arrive")
    assert found.is_held
    return found


def refused(found: Poll, error: str, status: int = 400) -> None:
    answer = found.answer()
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("client_id", ["patient", "key"])
def test_a_held_poll_is_answered_with_tokens_when_the_user_approves(
    site: AsgiSite, client_id: str
) -> None:
    """A client assertion is good once, and is not asked for a second time."""
    auth_req_id = begun(site, client_id)
    found = held(site, auth_req_id, client_id)
    site.answer(auth_req_id, "allow")
    answer = found.answer()
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "Bearer"
    assert answer.json()["id_token"]
    refused(poll(site, auth_req_id, client_id), "invalid_grant")


def test_a_held_poll_hears_of_a_denial(site: AsgiSite) -> None:
    auth_req_id = begun(site)
    found = held(site, auth_req_id)
    site.answer(auth_req_id, "deny")
    refused(found, "access_denied")


def test_a_held_poll_hears_that_its_request_has_expired(site: AsgiSite) -> None:
    auth_req_id = begun(site, requested_expiry=2)
    refused(held(site, auth_req_id), "expired_token")


def test_a_client_that_is_not_registered_for_it_is_answered_at_once(site: AsgiSite) -> None:
    auth_req_id = begun(site, "brisk")
    answer = poll(site, auth_req_id, "brisk").answer()
    assert (answer.status_code, answer.json()) == (400, PENDING)


def test_a_held_poll_of_a_client_that_is_disabled_meanwhile_is_refused(site: AsgiSite) -> None:
    auth_req_id = begun(site, "disabled", requested_expiry=5)
    found = held(site, auth_req_id, "disabled")
    site.sql("UPDATE django_ciba_client SET enabled = ? WHERE client_id = ?", False, "disabled")
    site.sql("UPDATE django_ciba_configurationversion SET value = ?", uuid.uuid4().hex)
    refused(found, "invalid_client", 401)
    assert found.answer().headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.requirement("RFC 9449", "5")
def test_a_held_poll_gives_tokens_bound_to_the_key_of_its_own_proof(site: AsgiSite) -> None:
    """The proof is used when the poll comes, and is not asked for a second time."""
    claims = {"htm": "POST", "htu": f"{site.issuer()}/access_token", "iat": int(time.time())}
    header = {
        "typ": "dpop+jwt",
        "alg": "ES256",
        "jwk": {name: KEY.public_jwk[name] for name in ("kty", "crv", "x", "y")},
    }
    proof = compact(header, {**claims, "jti": secrets.token_hex(8)}, KEY)
    auth_req_id = begun(site, "dpop")
    found = held(site, auth_req_id, "dpop", headers={"DPoP": proof})
    site.answer(auth_req_id, "allow")
    answer = found.answer()
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "DPoP"
    bound = "SELECT COUNT(*) FROM django_ciba_token WHERE kind = ? AND jkt <> ?"
    assert site.sql(bound, "access", "")[0][0] == 1


# --- two polls of one request ---------------------------------------------------------------------


def test_a_later_poll_takes_the_place_of_the_one_that_is_held(site: AsgiSite) -> None:
    """Its client has most likely hung up: it is answered that it must wait, and no tokens."""
    auth_req_id = begun(site)
    older = held(site, auth_req_id)
    time.sleep(1.1)  # the interval: the server's own clock
    newer = poll(site, auth_req_id)
    assert (older.answer().status_code, older.answer().json()) == (400, PENDING)
    assert newer.is_held
    site.answer(auth_req_id, "allow")
    assert newer.answer().status_code == 200, newer.answer().text


@pytest.mark.requirement("CIBA Core", "11")
def test_a_poll_that_comes_too_soon_is_slowed_down_and_leaves_the_held_one(site: AsgiSite) -> None:
    auth_req_id = begun(site)
    found = held(site, auth_req_id)
    refused(poll(site, auth_req_id), "slow_down")
    assert found.is_held
    site.answer(auth_req_id, "allow")
    assert found.answer().status_code == 200, found.answer().text


# --- how many -------------------------------------------------------------------------------------


def filled(site: AsgiSite, places: int = MOST) -> list[tuple[str, Poll]]:
    """That many held polls; the site has let go of those of earlier tests."""
    names = [begun(site) for _ in range(places)]
    return [(auth_req_id, held(site, auth_req_id)) for auth_req_id in names]


@pytest.mark.requirement("RFC 6749", "4.1.2.1")
def test_one_poll_too_many_is_told_when_to_ask_again(site: AsgiSite) -> None:
    polls = filled(site)
    one_more = begun(site)
    answer = poll(site, one_more).answer()
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {
        "error": "temporarily_unavailable",
        "error_description": "too many polls are being held: ask again later",
    }
    # Others are served as ever.
    brisk = begun(site, "brisk")
    refused(poll(site, brisk, "brisk"), "authorization_pending")
    site.answer(one_more, "allow")
    assert poll(site, one_more).answer().status_code == 200
    for auth_req_id, found in polls:
        site.answer(auth_req_id, "allow")
        assert found.answer().status_code == 200


def test_a_client_that_hangs_up_leaves_its_place_to_another(site: AsgiSite) -> None:
    polls = filled(site, MOST - 1)
    forgotten = begun(site)
    line = HTTPConnection(urlsplit(site.url).netloc)
    form = {"grant_type": CIBA, "auth_req_id": forgotten}
    headers = {"Content-Type": FORM, "Authorization": basic("patient", SECRET)}
    line.request("POST", "/oauth2/access_token", urlencode(form), headers)
    until(lambda: site.was_polled(forgotten), "the poll did not arrive")
    refused(poll(site, begun(site)), "temporarily_unavailable", 503)
    line.close()

    def there_is_room() -> bool:
        auth_req_id = begun(site)
        found = poll(site, auth_req_id)
        until(lambda: site.was_polled(auth_req_id), "the poll did not arrive")
        site.answer(auth_req_id, "allow")
        return found.answer().status_code == 200

    until(there_is_room, "the place was not given back")
    # Nobody fetched the tokens of the one that hung up.
    site.answer(forgotten, "allow")
    assert poll(site, forgotten).answer().status_code == 200
    for auth_req_id, found in polls:
        site.answer(auth_req_id, "deny")
        refused(found, "access_denied")


# --- Redis ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_redis() -> Iterator[Redis]:
    """Not the run's: it is frozen and shut down here."""
    if reason := Redis.missing():
        leave_out(reason)
    with Redis() as server:
        yield server


def test_held_polls_are_answered_whatever_becomes_of_redis(own_redis: Redis) -> None:
    """There, gone, back, frozen: who tells differs, and what is told does not.

    The request is approved by a process of its own, which publishes that as it ends.
    """
    address = own_redis.url
    with AsgiSite([DOCUMENT], LONG_POLLING_REDIS=address) as site, site.telling():
        approved_while_held(site)
        own_redis.shut_down(immediate=True)
        approved_while_held(site)
        assert "Redis does not wake held polls" in site.output
        own_redis.resume()
        approved_while_held(site)
        with own_redis.frozen():
            approved_while_held(site)


def approved_while_held(site: AsgiSite) -> None:
    auth_req_id = begun(site)
    found = held(site, auth_req_id)
    site.manage("ciba_answer", auth_req_id, "approve")
    assert found.answer().status_code == 200, found.answer().text


# --- time -----------------------------------------------------------------------------------------


def test_a_poll_that_nobody_answers_is_told_to_go_on_and_may_do_so_at_once() -> None:
    """The interval is counted from when a poll is sent, and has passed while it was held."""
    with AsgiSite([DOCUMENT], LONG_POLLING_SECONDS=2) as site, site.telling():
        auth_req_id = begun(site)
        for _ in range(2):
            answer = held(site, auth_req_id).answer()
            assert (answer.status_code, answer.json()) == (400, PENDING)


# --- the end of the process -----------------------------------------------------------------------


def test_a_process_that_is_told_to_end_answers_what_it_holds() -> None:
    with AsgiSite([DOCUMENT]) as site, site.telling():
        found = [held(site, begun(site)) for _ in range(3)]
        site.shut_down()
        for each in found:
            assert (each.answer().status_code, each.answer().json()) == (400, PENDING)
        assert "Traceback" not in site.output
