"""What operators may do to what the protocol wrote, and who may."""

import html
import inspect
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from django_ciba.models import (
    AuthenticationRequest,
    Client,
    Delivery,
    Grant,
    Journey,
    Realm,
    RemoteJwks,
    SigningKey,
    Token,
    UserCode,
)
from tests import provider
from tests.unit.admin.arrange import (
    House,
    act,
    furnish,
    make_delivery,
    make_request,
    page,
    said,
)
from tests.unit.admin.conftest import LogIn

Status = AuthenticationRequest.Status


def test_cancelling_ends_pending_requests_and_no_others(house: House, log_in: LogIn) -> None:
    now = timezone.now()
    pending = house.first(AuthenticationRequest)
    expired = make_request(house.client, None, expires_at=now - timedelta(seconds=1))
    denied = make_request(house.client, None, status=Status.DENIED, answer="denied")
    browser = log_in("view_authenticationrequest", "change_authenticationrequest")
    answer = act(browser, "cancel", pending, expired, denied)
    assert said(answer) == ["Cancelled 1 request.", "2 requests were not pending any more."]
    assert said(act(browser, "cancel", denied)) == ["1 request was not pending any more."]
    for row, status in (
        (pending, Status.CANCELLED),
        (expired, Status.PENDING),
        (denied, Status.DENIED),
    ):
        row.refresh_from_db()
        assert row.status == status


def test_revoking_ends_grants_and_their_tokens_once(house: House, log_in: LogIn) -> None:
    furnish(house, "bob")
    grant, other = house.rows[Grant]
    browser = log_in("view_grant", "change_grant")
    assert said(act(browser, "revoke", grant)) == ["Revoked 1 grant and all its tokens."]
    assert said(act(browser, "revoke", grant)) == ["Revoked 0 grants and all their tokens."]
    revoked = Grant.objects.filter(revoked_at__isnull=False)
    assert list(revoked) == [grant]
    live = Token.objects.filter(grant__revoked_at__isnull=True)
    assert {each.grant for each in live} == {other}


def test_a_registration_is_taken_over(house: House, log_in: LogIn) -> None:
    client = house.client
    client.new_registration_token()
    client.save()
    other = provider.make_client(house.realm, client_id="other")[0]
    browser = log_in("view_client", "change_client")
    answer = act(browser, "take_over", client, other)
    assert said(answer) == ["1 client can no longer change itself."]
    client.refresh_from_db()
    assert client.registration_token_digest == ""
    assert said(act(browser, "take_over", client)) == ["0 clients can no longer change themselves."]


def test_dead_letters_are_sent_again_and_no_others(house: House, log_in: LogIn) -> None:
    now = timezone.now()
    request = house.first(AuthenticationRequest)
    dead = make_delivery(
        request,
        channel="a.b",
        state=Delivery.State.DEAD,
        due_at=now - timedelta(hours=1),
        ended_at=now,
        attempts=4,
    )
    delivered = make_delivery(request, channel="c.d", state=Delivery.State.DELIVERED, ended_at=now)
    browser = log_in("view_delivery", "change_delivery")
    assert said(act(browser, "send_again", dead, delivered)) == ["Made 1 delivery due again."]
    dead.refresh_from_db()
    delivered.refresh_from_db()
    assert (dead.state, dead.ended_at) == (Delivery.State.DUE, None)
    assert dead.due_at >= now
    assert delivered.state == Delivery.State.DELIVERED
    assert said(act(browser, "send_again", delivered)) == ["None of these is a dead letter."]


def test_sending_again_wakes_a_worker(
    house: House, admin_client: Browser, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    dead = house.rows[Delivery][-1]
    with django_capture_on_commit_callbacks() as callbacks:  # type: ignore[attr-defined]
        act(admin_client, "send_again", dead)
    woken = [each for each in callbacks if each.__qualname__.startswith("wake_up")]
    assert [inspect.getclosurevars(each).nonlocals for each in woken] == [
        {"task": "django_ciba.deliver", "pks": (dead.pk,)}
    ]


def test_a_cleared_lock_lets_the_user_try_again(house: House, log_in: LogIn) -> None:
    code = house.first(UserCode)
    now = timezone.now()
    UserCode.objects.update(failures=5, locked_until=now + timedelta(hours=1))
    browser = log_in("view_usercode", "change_usercode")
    assert said(act(browser, "clear_lock", code)) == ["Cleared the lock of 1 user code."]
    code.refresh_from_db()
    assert (code.failures, code.locked_until) == (0, None)
    assert code.accepts("4711-4711", now)


def test_a_user_code_may_be_deleted(house: House, admin_client: Browser) -> None:
    code = house.first(UserCode)
    admin_client.post(page(UserCode, "delete", code.pk), {"post": "yes"})
    assert not UserCode.objects.exists()


def test_reading_now_asks_the_address_and_says_what_came_of_it(house: House, log_in: LogIn) -> None:
    row = house.first(RemoteJwks)
    soon = timezone.now() + timedelta(hours=1)
    RemoteJwks.objects.update(next_fetch_at=soon)
    browser = log_in("view_remotejwks", "change_remotejwks")
    answer = act(browser, "read_now", row)
    assert said(answer) == [f"Not read from {row.url}: must begin with https://."]
    row.refresh_from_db()
    assert row.next_fetch_at < soon, "the limit between two reads was set aside"
    assert row.problem == "must begin with https://"


class _Jwks(BaseHTTPRequestHandler):
    """A relying party that publishes one key."""

    def do_GET(self) -> None:
        body = json.dumps({"keys": [provider.key("ES256", "remote").public_jwk]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def published() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Jwks) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/jwks"
        server.shutdown()
        thread.join()


def test_what_is_read_now_is_kept(
    house: House, admin_client: Browser, settings: Settings, published: str
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "OUTBOUND_ALLOW_LOOPBACK": True}
    row = RemoteJwks.objects.create(url=published, problem="the connection failed")
    assert said(act(admin_client, "read_now", row)) == [f"Read {published}."]
    row.refresh_from_db()
    assert row.document == {"keys": [provider.key("ES256", "remote").public_jwk]}
    assert row.problem == ""


def test_only_a_few_addresses_are_read_at_once(house: House, admin_client: Browser) -> None:
    rows = [RemoteJwks.objects.create(url=f"https://{each}.example/") for each in range(6)]
    answer = act(admin_client, "read_now", *rows)
    assert said(answer) == ["Choose at most 5 addresses at once."]
    assert not RemoteJwks.objects.exclude(next_fetch_at=None).exists()


@pytest.mark.parametrize(
    ("model", "action"),
    [
        (AuthenticationRequest, "cancel"),
        (Grant, "revoke"),
        (Delivery, "send_again"),
        (UserCode, "clear_lock"),
        (RemoteJwks, "read_now"),
        (SigningKey, "rotate_at_once"),
        (Client, "make_secret"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.__name__,
)
def test_actions_ask_for_the_right_to_change(
    house: House, log_in: LogIn, model: type[Grant], action: str
) -> None:
    name = model._meta.model_name
    others = [f"change_{each}" for each in ("grant", "client", "delivery") if each != name]
    before = list(model._default_manager.order_by("pk").values())
    refused = log_in(f"view_{name}", f"add_{name}", f"delete_{name}", *others)
    row = house.rows[model][-1]  # of deliveries, the dead one
    act(refused, action, row)
    assert list(model._default_manager.order_by("pk").values()) == before
    act(log_in(f"view_{name}", f"change_{name}"), action, row)
    assert list(model._default_manager.order_by("pk").values()) != before


def test_a_request_shows_how_far_it_walked(house: House, admin_client: Browser) -> None:
    request = house.first(AuthenticationRequest)
    request.walk = [
        {"node": "username", "outcome": "found", "at": "2026-11-23T10:11:12+00:00"},
        {"node": "<script>", "outcome": "sent"},
    ]
    request.polled_us = 1_795_428_672_000_000
    request.save()
    shown = admin_client.get(page(AuthenticationRequest, "change", request.pk)).content.decode()
    assert (
        "<tr><td>1</td><td>username</td><td>PlatformUsername</td><td>found</td>"
        "<td>2026-11-23 10:11:12+00:00</td></tr>"
    ) in shown
    assert '<div class="readonly">2026-11-23 10:11:12+00:00</div>' in shown
    assert "<td>2</td><td>&lt;script&gt;</td><td></td><td>sent</td><td></td>" in shown


def test_expired_is_shown_and_can_be_chosen(house: House, admin_client: Browser) -> None:
    pending = house.first(AuthenticationRequest)
    gone = make_request(house.client, None, expires_at=timezone.now() - timedelta(seconds=1))
    address = page(AuthenticationRequest, "changelist")
    for state, expected in (("expired", gone), ("pending", pending)):
        answer = admin_client.get(address, {"state": state})
        assert list(answer.context["cl"].queryset) == [expected]
    shown = admin_client.get(page(AuthenticationRequest, "change", gone.pk)).content.decode()
    assert '<div class="readonly">expired</div>' in shown


def test_a_request_is_found_by_its_public_id(house: House, admin_client: Browser) -> None:
    make_request(house.client, None)
    request = house.first(AuthenticationRequest)
    address = page(AuthenticationRequest, "changelist")
    for term in (str(request.public_id), f" {request.public_id.hex.upper()} ", "alice", "shop"):
        found = admin_client.get(address, {"q": term}).context["cl"].queryset
        assert request in found
    for term in (request.public_id.hex, request.public_id.hex[:8].upper()):
        by_id = admin_client.get(address, {"q": term}).context["cl"].queryset
        assert list(by_id) == [request]


def test_eight_digits_may_be_a_binding_message(house: House, admin_client: Browser) -> None:
    asked = make_request(house.client, None, binding_message="12345678")
    named = make_request(
        house.client, None, public_id=f"12345678-{'f' * 4}-4{'0' * 3}-8000-{'f' * 12}"
    )
    answer = admin_client.get(page(AuthenticationRequest, "changelist"), {"q": "12345678"})
    assert set(answer.context["cl"].queryset) == {asked, named}


def test_a_list_of_requests_shows_enough_of_the_public_id(
    house: House, admin_client: Browser
) -> None:
    request = house.first(AuthenticationRequest)
    shown = admin_client.get(page(AuthenticationRequest, "changelist")).content.decode()
    short = request.public_id.hex[:8]
    assert f'<span title="{request.public_id}">{short}</span>' in shown


def test_lists_shorten_what_is_long_and_keep_the_whole_at_hand(
    house: House, admin_client: Browser
) -> None:
    whole = {
        "user": "maria.konstantinopoulou@example.com",
        "message": "Pay 129.90 EUR to the Bookshop on Main Street",
        "problem": "The mail server refused the message: 550 5.1.1 mailbox unavailable",
        "channel": "bank.prompts.SmsThroughOperator",
    }
    maria = User.objects.create_user(whole["user"])
    request = make_request(house.client, maria, binding_message=whole["message"])
    make_delivery(request, problem=whole["problem"], channel=whole["channel"])
    for model, texts in (
        (
            AuthenticationRequest,
            {"user": "maria.konst…", "message": "Pay 129.90 EUR to the Bookshop on Main…"},
        ),
        (
            Delivery,
            {
                "user": "maria.konst…",
                "problem": "The mail server refused the message: 550 5.1.1 mailbox unav…",
                "channel": "SmsThroughOperator",
            },
        ),
    ):
        shown = admin_client.get(page(model, "changelist")).content.decode()
        for name, text in texts.items():
            assert f'<span title="{whole[name]}">{text}</span>' in shown


def test_a_grant_is_called_by_its_client_where_that_costs_nothing(
    house: House, admin_client: Browser, django_assert_num_queries: Callable[..., Any]
) -> None:
    grant = house.first(Grant)
    with django_assert_num_queries(1):
        assert str(Grant.objects.get(pk=grant.pk)) == f"grant {grant.pk}"
    shown = admin_client.get(page(Grant, "changelist")).content.decode()
    assert f"grant {grant.pk} of shop</a>" in shown


# --- what belongs to a deleted row falls with it -------------------------------------------------


def test_a_user_who_was_ever_asked_can_still_be_deleted(house: House, log_in: LogIn) -> None:
    """The host site's own pages go on working beside ours."""
    alice = User.objects.get(username="alice")
    browser = log_in("view_user", "delete_user")
    browser.post(page(User, "delete", alice.pk), {"post": "yes"})
    assert not User.objects.filter(pk=alice.pk).exists()
    assert not Grant.objects.exists()
    assert not Token.objects.exists()


def test_several_users_can_be_deleted_by_the_action(house: House, log_in: LogIn) -> None:
    alice = User.objects.get(username="alice")
    browser = log_in("view_user", "delete_user")
    data = {"action": "delete_selected", "_selected_action": [alice.pk], "post": "yes"}
    browser.post(page(User, "changelist"), data)
    assert not User.objects.filter(pk=alice.pk).exists()


def test_a_client_and_a_realm_can_be_deleted(house: House, admin_client: Browser) -> None:
    admin_client.post(page(Client, "delete", house.client.pk), {"post": "yes"})
    assert not Client.objects.exists()
    answer = admin_client.post(page(Realm, "delete", house.realm.pk), {"post": "yes"})
    assert answer.status_code == 302
    assert not Realm.objects.exists()
    assert not SigningKey.objects.exists()


def test_a_realm_that_is_in_use_falls_with_all_that_is_in_it(
    house: House, admin_client: Browser
) -> None:
    admin_client.post(page(Realm, "delete", house.realm.pk), {"post": "yes"})
    assert not Realm.objects.exists()
    assert not AuthenticationRequest.objects.exists()


def test_a_journey_that_is_in_use_stays(house: House, admin_client: Browser) -> None:
    journey = house.first(Journey)
    answer = admin_client.post(page(Journey, "delete", journey.pk), {"post": "yes"})
    assert Journey.objects.filter(pk=journey.pk).exists()
    assert "protected" in html.unescape(answer.content.decode())


def test_other_pages_offer_no_deletion_to_those_who_may_not(house: House, log_in: LogIn) -> None:
    """The menu on the users' page asks each of our pages for its rights."""
    browser = log_in("view_user", "delete_user", "view_client")
    shown = browser.get(page(User, "changelist"))
    ours = [
        each["object_name"]
        for app in shown.context["available_apps"]
        if app["app_label"] == "django_ciba"
        for each in app["models"]
    ]
    assert ours == ["Client"]
