"""The demo shop: what the payer sees, and what nobody must see."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from django_ciba.models import AuthenticationRequest
from testproject.shop.views import POLICY
from testproject.shop.wire import shortened
from tests.provider import approve, deny
from tests.unit.testproject.conftest import Site

STATE = "/shop/payment/state"


@pytest.fixture(autouse=True)
def no_payment_is_held() -> None:
    cache.clear()


def begin(browser: Browser, payer: str = "alice", **fields: str) -> str:
    """Order a teapot; the auth_req_id, from the session."""
    answer = browser.post("/shop/", {"product": "teapot", "payer": payer, **fields})
    assert answer.status_code == 302, answer.content
    assert answer["Location"] == "/shop/payment/"
    return str(browser.session["payment"]["waiting"]["auth_req_id"])


def time_to_poll(browser: Browser) -> None:
    session = browser.session
    session["payment"]["waiting"]["next_poll_at"] = 0
    session.save()


def look(browser: Browser) -> dict[str, Any]:
    """What the page's script gets, once a poll is due."""
    time_to_poll(browser)
    answer: dict[str, Any] = browser.get(STATE).json()
    return answer


def test_the_payer_approves_and_is_named(site: Site, client: Browser) -> None:
    auth_req_id = begin(client)
    assert "Waiting for alice" in client.get("/shop/payment/").content.decode()
    state = look(client)
    assert (state["state"], state["wait"] > 0) == ("waiting", True)
    approve(auth_req_id)
    state = look(client)
    assert (state["state"], state["wait"]) == ("paid", None)
    assert "Paid by Alice Adams" in state["html"]
    assert "£34.00" in state["html"]
    assert "Paid by Alice Adams" in client.get("/shop/payment/").content.decode()


def test_the_payer_is_asked_about_the_sum_and_the_reference_on_the_page(
    site: Site, client: Browser
) -> None:
    begin(client, price="0.01")
    page = client.get("/shop/payment/").content.decode()
    asked = AuthenticationRequest.objects.get()
    found = re.fullmatch(r"Pay £34\.00 to Corner Shop \((CS-\d{4})\)", asked.binding_message)
    assert found is not None
    assert f'<strong class="reference">{found[1]}</strong>' in page
    assert f'<p class="number">{asked.number}</p>' in page
    assert asked.acr == "number"
    assert asked.expires_at - asked.created_at == timedelta(seconds=300)


def test_a_denial_is_told_kindly(site: Site, client: Browser) -> None:
    auth_req_id = begin(client)
    deny(auth_req_id)
    state = look(client)
    assert (state["state"], state["wait"]) == ("denied", None)
    assert "alice did not agree" in state["html"]
    assert "Nothing was charged" in state["html"]


def test_no_answer_in_time_is_told_kindly(site: Site, client: Browser) -> None:
    begin(client)
    AuthenticationRequest.objects.update(expires_at=timezone.now())
    state = look(client)
    assert (state["state"], state["wait"]) == ("expired", None)
    assert "No answer in time" in state["html"]


def test_what_nobody_foresaw_is_told_with_its_error(site: Site, client: Browser) -> None:
    begin(client)
    AuthenticationRequest.objects.all().delete()
    state = look(client)
    assert state["state"] == "failed"
    assert "invalid_grant" in state["html"]


def test_looking_early_does_not_poll(site: Site, client: Browser) -> None:
    begin(client)
    for _ in range(3):
        assert client.get(STATE).json()["state"] == "waiting"
    asked = AuthenticationRequest.objects.get()
    assert (asked.polled_us, asked.slow_downs) == (0, 0)


def test_a_second_tab_does_not_poll_while_the_first_one_does(site: Site, client: Browser) -> None:
    begin(client)
    time_to_poll(client)
    cache.add(f"shop-{client.session.session_key}", True)
    assert client.get(STATE).json()["state"] == "waiting"
    assert AuthenticationRequest.objects.get().polled_us == 0


def test_an_ended_payment_is_not_polled_again(site: Site, client: Browser) -> None:
    """A second redemption would revoke what the first one gave."""
    auth_req_id = begin(client)
    approve(auth_req_id)
    assert look(client)["state"] == "paid"
    assert look(client)["state"] == "paid"
    assert AuthenticationRequest.objects.get().grant.revoked_at is None


def test_polls_that_are_answered_alike_are_counted_not_repeated(
    site: Site, client: Browser
) -> None:
    begin(client)
    look(client)
    AuthenticationRequest.objects.update(polled_us=0)
    html = look(client)["html"]
    assert html.count("POST /oauth2/access_token") == 1
    assert "400 authorization_pending \N{MULTIPLICATION SIGN} 2" in html


def test_an_unknown_payer_is_told_at_the_field(site: Site, client: Browser) -> None:
    answer = client.post("/shop/", {"product": "cup", "payer": "<b>nobody</b>"})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "The provider knows nobody of that name." in page
    assert 'value="cup" checked' in page
    assert 'value="&lt;b&gt;nobody&lt;/b&gt;"' in page
    assert "<b>nobody" not in page
    assert "payment" not in client.session


@pytest.mark.parametrize(
    "fields",
    [{"product": "yacht", "payer": "alice"}, {"product": "cup"}, {"product": "cup", "payer": " "}],
)
def test_a_wrong_form_asks_nobody(site: Site, client: Browser, fields: dict[str, str]) -> None:
    answer = client.post("/shop/", fields)
    assert (answer.status_code, b'role="alert"' in answer.content) == (200, True)
    assert not AuthenticationRequest.objects.exists()


def test_a_provider_out_of_reach_is_told(site: Site, client: Browser, settings: Settings) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:9"
    answer = client.post("/shop/", {"product": "cup", "payer": "alice"})
    assert "Nobody answers at http://127.0.0.1:9/oauth2." in answer.content.decode()


def test_a_name_with_markup_stays_text(site: Site, client: Browser) -> None:
    User.objects.update(first_name="<script>alert(1)</script>")
    approve(begin(client))
    html = look(client)["html"]
    assert "Paid by &lt;script&gt;" in html
    assert "<script" not in html


def test_no_secret_is_on_the_page(site: Site, client: Browser) -> None:
    auth_req_id = begin(client)
    look(client)
    approve(auth_req_id)
    html = look(client)["html"]
    assert "eyJ" in html
    assert re.search(r"eyJ[^ ]{20}", html) is None
    assert auth_req_id not in html
    for name in ("access_token", "refresh_token", "auth_req_id"):
        values = re.findall(rf"&quot;{name}&quot;: &quot;(.*?)&quot;", html)
        assert values
        assert all(re.fullmatch(r".{8}… \(43 characters\)", value) for value in values)
    bearer = re.findall(r"Authorization: Bearer (.*)", html)
    assert [re.fullmatch(r".{8}… \(43 characters\)", value) is not None for value in bearer] == [
        True
    ]


def test_no_token_is_kept_in_the_session(site: Site, client: Browser) -> None:
    approve(begin(client))
    look(client)
    payment = client.session["payment"]
    assert "access_token" not in payment
    assert re.search(r"eyJ[^ ]{20}", str(payment)) is None


@pytest.mark.parametrize("address", ["/shop/", "/shop/payment/", STATE])
def test_every_page_is_strict_and_never_cached(site: Site, client: Browser, address: str) -> None:
    begin(client)
    answer = client.get(address)
    assert answer["Content-Security-Policy"] == POLICY
    assert "unsafe-inline" not in POLICY
    assert "no-store" in answer["Cache-Control"]
    assert b"<style" not in answer.content
    assert re.search(rb"<script(?! src=)", answer.content) is None


def test_without_a_payment_there_is_only_the_checkout(site: Site, client: Browser) -> None:
    assert client.get("/shop/payment/")["Location"] == "/shop/"
    assert client.get(STATE).status_code == 404


def test_long_texts_and_secrets_are_shortened() -> None:
    assert shortened({"keys": [{"n": "x" * 342}], "error": "slow_down"}) == {
        "keys": [{"n": f"{'x' * 40}… (342 characters)"}],
        "error": "slow_down",
    }
    assert shortened("short secret", "id_token") == "short se… (12 characters)"
