"""The ASGI application itself: what it passes on, what it reads, what it takes places for."""

import asyncio
import json
import signal
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings as site_settings
from django.core.asgi import get_asgi_application
from django.db import connections
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client as HttpClient

from django_ciba.conf import CibaSettings
from django_ciba.long_polling import LongPolling
from django_ciba.models import Client
from tests.asked_often import ASKED_OFTEN
from tests.provider import approve, find, key, make_client, make_realm, make_user
from tests.relying_party import CIBA, FORM, RelyingParty, basic

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/oauth2/access_token"


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    settings.DJANGO_CIBA = {
        "ISSUER": "https://op.example.com/oauth2",
        "PROMPT_CHANNELS": [],
        "TASK_RUNNER": "none",
        "LONG_POLLING_SECONDS": 1,
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def rp() -> RelyingParty:
    """A client that is registered for long polling."""
    make_user("alice")
    realm = make_realm(**ASKED_OFTEN)
    client, secret = make_client(realm, backchannel_long_polling=True)
    return RelyingParty(
        http=HttpClient(),
        client=client,
        issuer=realm.issuer,
        mount="/oauth2/",
        key=key("ES256", "client"),
        secret=secret,
    )


@pytest.fixture
def application(monkeypatch: pytest.MonkeyPatch) -> Iterator[LongPolling]:
    # Or threads leave connections behind when they end.
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    made = LongPolling(get_asgi_application(), threads=2)
    yield made
    made._pool.shutdown()
    for number, handler in before.items():
        signal.signal(number, handler)


class Call:
    """One HTTP request as a server hands it on, and what was sent back."""

    def __init__(
        self, body: bytes = b"", *, path: str = PATH, method: str = "POST", **headers: str
    ) -> None:
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": [
                (name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()
            ],
            "client": ("127.0.0.1", 1),
            "server": ("localhost", 80),
        }
        self.messages: list[Mapping[str, Any]] = [{"type": "http.request", "body": body}]
        self.sent: list[Mapping[str, Any]] = []
        self.hung_up = asyncio.Event()

    async def receive(self) -> Mapping[str, Any]:
        if self.messages:
            return self.messages.pop(0)
        await self.hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Mapping[str, Any]) -> None:
        self.sent.append(message)

    async def to(self, application: Any) -> None:
        await application(self.scope, self.receive, self.send)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def content(self) -> bytes:
        return b"".join(each.get("body", b"") for each in self.sent)


def poll(rp: RelyingParty, auth_req_id: str, **headers: str) -> Call:
    form = urlencode({"grant_type": CIBA, "auth_req_id": auth_req_id}).encode()
    authorization = basic(rp.client.client_id, rp.secret)
    return Call(form, content_type=FORM, authorization=authorization, **headers)


def test_the_answer_is_the_sites_own_to_the_last_header(
    application: LongPolling, rp: RelyingParty
) -> None:
    """Middleware included: what is held back is what Django's own application answers."""
    held, own = poll(rp, rp.auth_req_id()), poll(rp, rp.auth_req_id())
    asyncio.run(held.to(application))
    asyncio.run(own.to(get_asgi_application()))
    assert held.status == own.status == 400
    assert dict(held.sent[0]["headers"]) == dict(own.sent[0]["headers"])
    assert held.content == own.content


def test_problem_details_are_held_back_too(application: LongPolling, rp: RelyingParty) -> None:
    held = poll(rp, rp.auth_req_id(), accept="application/problem+json")
    asyncio.run(held.to(application))
    assert dict(held.sent[0]["headers"])[b"Content-Type"] == b"application/problem+json"


def test_everything_else_is_handed_on(application: LongPolling) -> None:
    for call in (
        Call(method="GET"),
        Call(path="/oauth2/bc-authorize"),
        Call(path="/elsewhere/access_token"),
        Call(path="/oauth2/.well-known/openid-configuration", method="GET"),
    ):
        asked: list[Any] = []

        async def inner(scope: Any, receive: Any, send: Any, asked: list[Any] = asked) -> None:
            asked.append(scope)

        application.application = inner
        asyncio.run(call.to(application))
        assert asked == [call.scope]


def test_the_realm_in_the_path_is_the_sites_business(
    application: LongPolling, rp: RelyingParty
) -> None:
    call = poll(rp, rp.auth_req_id())
    call.scope["path"] = "/oauth2/realms/root/realms/nowhere/access_token"
    asyncio.run(call.to(application))
    assert call.status == 404


def test_a_body_that_is_too_long_is_read_no_further_and_refused(
    application: LongPolling, settings: Any, rp: RelyingParty
) -> None:
    call = poll(rp, rp.auth_req_id())
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "MAX_BODY_BYTES": 100}
    chunk = {"type": "http.request", "body": b"x" * 64, "more_body": True}
    call.messages = [chunk] * 1000
    asyncio.run(call.to(application))
    assert call.status == 400
    assert b"the body is longer than 100 bytes" in call.content
    assert len(call.messages) == 998


def test_a_client_that_leaves_within_its_body_is_not_answered(
    application: LongPolling, rp: RelyingParty
) -> None:
    auth_req_id = rp.auth_req_id()
    call = poll(rp, auth_req_id)
    call.messages = [{"type": "http.request", "body": b"grant", "more_body": True}]
    call.hung_up.set()
    asyncio.run(call.to(application))
    assert call.sent == []
    assert find(auth_req_id).polled_us == 0


def test_places_are_given_back(application: LongPolling, settings: Any, rp: RelyingParty) -> None:
    """After an answer, after a client that left, and after one whose server cancels."""
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "LONG_POLLING_MOST": 1}

    answered, left, third = [poll(rp, rp.auth_req_id()) for _ in range(3)]

    async def walk() -> None:
        await answered.to(application)
        assert answered.status == 400
        left.hung_up.set()
        await left.to(application)
        assert left.sent == []
        cancelled = asyncio.create_task(third.to(application))
        while not application.polls:
            await asyncio.sleep(0.01)
        cancelled.cancel()
        await asyncio.wait([cancelled])

    asyncio.run(walk())
    assert len(application.polls) == 0
    assert application.polls.take_place()
    assert not application.polls.take_place()


def test_a_server_that_cancels_while_the_endpoint_is_asked_leaves_no_place_taken(
    application: LongPolling, rp: RelyingParty
) -> None:
    call = poll(rp, rp.auth_req_id())

    async def walk() -> None:
        asking = asyncio.create_task(call.to(application))
        while not application._pool._threads:
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])

    asyncio.run(walk())
    application._pool.shutdown(wait=True)
    assert application.polls._taken == 0


class Busy:
    """A middleware of the site's that answers in the endpoint's place, afterwards."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer: HttpResponse = self.get_response(request)
        return HttpResponse("busy", status=429) if request.path == PATH else answer


def test_what_a_middleware_says_instead_is_not_held_back(settings: Any, rp: RelyingParty) -> None:
    settings.MIDDLEWARE = [f"{__name__}.Busy", *site_settings.MIDDLEWARE]
    application = LongPolling(get_asgi_application(), threads=1)
    call = poll(rp, rp.auth_req_id())
    answer, to_hold = application._site.ask(call.scope, call.messages[0]["body"])
    assert (answer.status, answer.body) == (429, b"busy")
    assert to_hold is None
    assert application.polls._taken == 0


class BreaksOff:
    """A middleware of the site's whose answer fails while it is read."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        answer = self.get_response(request)
        return StreamingHttpResponse(self.parts(), status=400) if request.path == PATH else answer

    def parts(self) -> Iterator[bytes]:
        yield b"{"
        raise ConnectionError("half of it")


def test_an_answer_that_fails_within_the_site_leaves_no_place_taken(
    settings: Any, rp: RelyingParty
) -> None:
    settings.MIDDLEWARE = [f"{__name__}.BreaksOff", *site_settings.MIDDLEWARE]
    application = LongPolling(get_asgi_application(), threads=1)
    call = poll(rp, rp.auth_req_id())
    with pytest.raises(ConnectionError):
        application._site.ask(call.scope, call.messages[0]["body"])
    assert application.polls._taken == 0


def test_an_address_that_is_not_utf_8_is_refused(
    application: LongPolling, rp: RelyingParty
) -> None:
    call = poll(rp, rp.auth_req_id())
    call.scope["query_string"] = b"\xff"
    asyncio.run(call.to(application))
    assert call.status == 400
    assert json.loads(call.content)["error"] == "invalid_request"
    assert application.polls._taken == 0


def test_a_mount_below_a_prefix_is_found(application: LongPolling, rp: RelyingParty) -> None:
    """What a server cuts off a path is ASGI's root_path."""
    call = poll(rp, rp.auth_req_id())
    call.scope.update(root_path="/below", path=f"/below{PATH}")
    assert application._site.is_token_request(call.scope)
    asyncio.run(call.to(application))
    assert json.loads(call.content)["error"] == "authorization_pending"


@pytest.mark.requirement("CIBA Core", "7.3")
def test_a_poll_that_a_later_one_has_overtaken_gets_no_tokens(
    application: LongPolling, rp: RelyingParty
) -> None:
    """In another process, say: tokens are the later poll's, and nothing of theirs is revoked."""
    auth_req_id = rp.auth_req_id()
    older, newer = poll(rp, auth_req_id), poll(rp, auth_req_id)
    body = older.messages[0]["body"]
    _, first = application._site.ask(older.scope, body)
    found = find(auth_req_id)
    type(found).objects.filter(pk=found.pk).update(polled_us=0)  # the interval has passed
    _, second = application._site.ask(newer.scope, body)
    approve(auth_req_id)
    answer, _ = application._site.ask(older.scope, body, first)
    assert b"authorization_pending" in answer.body
    answer, _ = application._site.ask(newer.scope, body, second)
    assert answer.status == 200
    for late in (first, second):
        answer, _ = application._site.ask(older.scope, body, late)
        assert (answer.status, b"invalid_grant" in answer.body) == (400, True)
    assert find(auth_req_id).grant.revoked_at is None


def test_a_held_poll_of_a_client_that_lost_the_grant_type_is_refused(
    application: LongPolling, rp: RelyingParty
) -> None:
    call = poll(rp, rp.auth_req_id())
    body = call.messages[0]["body"]
    _, held = application._site.ask(call.scope, body)
    Client.objects.filter(pk=rp.client.pk).update(grant_types=["refresh_token"])
    answer, _ = application._site.ask(call.scope, body, held)
    assert b"unauthorized_client" in answer.body


@pytest.mark.requirement("CIBA Core", "7.3")
def test_under_wsgi_every_poll_is_answered_at_once(rp: RelyingParty) -> None:
    answer = rp.poll(rp.auth_req_id())
    assert (answer.status_code, answer.json()["error"]) == (400, "authorization_pending")


def test_the_process_begins_and_ends_by_lifespan(application: LongPolling) -> None:
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> Mapping[str, Any]:
        return messages.pop(0)

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message["type"])

    asyncio.run(application({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert application.polls.closed


@pytest.mark.requirement("CIBA Core", "7.3")
def test_no_site_may_hold_a_poll_for_longer_than_thirty_seconds() -> None:
    problem = CibaSettings.LONG_POLLING_SECONDS.problem
    assert problem(30) is None
    for wrong in (31, 0, 2.5, "30", True):
        assert problem(wrong) == "must be a whole number of seconds from 1 to 30"


def test_the_address_of_redis_is_one_that_its_client_takes() -> None:
    problem = CibaSettings.LONG_POLLING_REDIS.problem
    assert problem(None) is problem("rediss://redis.example.com:6379/0") is None
    for wrong in ("", "127.0.0.1:6379", "amqp://127.0.0.1", 6379):
        assert (
            problem(wrong) == "must be an address that begins with redis://, rediss:// or unix://"
        )
