"""The test site's own addresses: /, /resource, /ciba-sim, and static files."""

import re
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from django_ciba.models import AuthenticationRequest
from testproject.simulator import is_loopback
from tests.provider import approve, deny, find
from tests.unit.testproject.conftest import Site

Status = AuthenticationRequest.Status


def simulate(
    browser: Browser, auth_req_id: str, action: str, peer: str = "127.0.0.1"
) -> tuple[int, object]:
    query = {"auth_req_id": auth_req_id, "action": action}
    answer = browser.post("/ciba-sim", query_params=query, REMOTE_ADDR=peer)
    return answer.status_code, answer.json()


@pytest.fixture
def asked(site: Site, settings: Settings) -> str:
    """The auth_req_id of a request that waits for alice, with the simulator on."""
    settings.CIBA_SIMULATOR = True
    return site.party().ask(login_hint="alice").auth_req_id


@pytest.mark.parametrize(
    ("action", "status"), [("allow", Status.AUTHORIZED), ("deny", Status.DENIED)]
)
def test_the_simulator_answers_as_the_user_would(asked: str, action: str, status: str) -> None:
    """Without login, and without the CSRF token that a browser would need."""
    strict = Browser(enforce_csrf_checks=True)
    assert simulate(strict, asked, action) == (200, {"status": status})
    assert find(asked).status == status


def test_the_simulator_is_not_there_unless_it_is_switched_on(
    asked: str, client: Browser, settings: Settings
) -> None:
    settings.CIBA_SIMULATOR = False
    answer = client.post("/ciba-sim", query_params={"auth_req_id": asked, "action": "allow"})
    assert answer.status_code == 404
    assert find(asked).status == Status.PENDING


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::1", "", "10.0.0.1"])
def test_the_simulator_answers_this_machine_only(asked: str, client: Browser, address: str) -> None:
    assert simulate(client, asked, "allow", peer=address) == (
        403,
        {"error": "the simulator answers callers on its own machine only"},
    )
    assert find(asked).status == Status.PENDING


def test_loopback_has_several_spellings() -> None:
    assert all(is_loopback(each) for each in ("127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"))
    assert not any(is_loopback(each) for each in ("::ffff:192.0.2.7", "localhost", "0.0.0.0"))


@pytest.mark.parametrize("action", ["", "approve", "ALLOW"])
def test_the_simulator_knows_two_actions(asked: str, client: Browser, action: str) -> None:
    assert simulate(client, asked, action) == (400, {"error": "action must be allow or deny"})


def test_the_simulator_knows_no_request_of_another_name(asked: str, client: Browser) -> None:
    assert simulate(client, asked + "x", "allow") == (
        404,
        {"error": "no request has this auth_req_id"},
    )


def test_the_simulator_changes_no_answer(asked: str, client: Browser) -> None:
    deny(asked)
    assert simulate(client, asked, "allow") == (409, {"error": "answered"})
    assert find(asked).status == Status.DENIED


def test_the_simulator_answers_nothing_after_its_time(asked: str, client: Browser) -> None:
    AuthenticationRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert simulate(client, asked, "allow") == (409, {"error": "expired"})


def test_the_simulator_takes_no_get(asked: str, client: Browser) -> None:
    answer = client.get("/ciba-sim", query_params={"auth_req_id": asked, "action": "allow"})
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert find(asked).status == Status.PENDING


@pytest.mark.parametrize(
    ("scope", "status", "answer"),
    [("openid profile", 200, "alice"), ("openid", 403, "insufficient_scope")],
)
def test_the_api_takes_tokens_with_its_scopes(
    site: Site, client: Browser, scope: str, status: int, answer: str
) -> None:
    party = site.party()
    waiting = party.ask(login_hint="alice", scope=scope, acr_values="push")
    approve(waiting.auth_req_id)
    tokens = party.poll(waiting)
    assert tokens is not None
    got = client.get("/resource", headers={"authorization": f"Bearer {tokens['access_token']}"})
    assert got.status_code == status
    assert answer in got.json().values()
    assert got["x-fapi-interaction-id"]


@pytest.mark.django_db
def test_the_api_asks_for_a_token(client: Browser) -> None:
    answer = client.get("/resource")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith('Bearer realm="api", DPoP realm="api", algs="')


def test_every_link_of_the_front_page_leads_somewhere(site: Site, client: Browser) -> None:
    page = client.get("/").content.decode()
    links = set(re.findall(r'(?:href|src)="(/[^"]*)"', page))
    assert {"/shop/", "/ciba/", "/admin/", "/resource"} < links
    got = {}
    for each in links:
        answer = client.get(each)
        got[each] = answer.status_code
        answer.close()  # static files are read from disk as they are sent
    assert {each: code for each, code in got.items() if code not in (200, 302)} == {
        "/resource": 401
    }


@pytest.mark.django_db
def test_files_are_served_without_debug_too(client: Browser, settings: Settings) -> None:
    settings.DEBUG = False
    answer = client.get("/static/shop/shop.css")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/css")
    answer.close()


@pytest.mark.django_db
def test_logging_out_leads_back_to_the_front_page(admin_client: Browser) -> None:
    assert b"admin" in admin_client.get("/").content
    answer = admin_client.post(reverse("logout"))
    assert (answer.status_code, answer["Location"]) == (302, "/")
