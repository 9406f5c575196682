"""The device as an installed app: manifest, service worker, offline page, notifications."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from django_ciba.authentication_device.pages import STATIC_FILES
from django_ciba.models import configuration
from tests.unit.authentication_device import arrange

OTHER_URLS = "tests.unit.authentication_device.other_urls"
PUBLIC = ["/ciba/manifest.webmanifest", "/ciba/service-worker.js", "/ciba/offline/"]


def known(worker: str) -> dict[str, Any]:
    """What the site tells its service worker."""
    found = re.search(r"^const KNOWN = (\{.*\});$", worker, re.MULTILINE)
    assert found
    told: dict[str, Any] = json.loads(found[1])
    return told


# --- the files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("address", PUBLIC)
def test_the_parts_of_the_app_are_the_same_for_everybody(address: str) -> None:
    """No database is needed, so none of it is a user's."""
    answer = Client().get(address)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-cache"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer
    assert "Cookie" not in answer.get("Vary", "")


@pytest.mark.parametrize("address", PUBLIC)
def test_the_parts_of_the_app_are_only_read(address: str) -> None:
    assert Client().post(address).status_code == 405


def test_the_manifest_installs_the_whole_device_and_nothing_else() -> None:
    answer = Client().get("/ciba/manifest.webmanifest")
    assert answer["Content-Type"] == "application/manifest+json"
    told = json.loads(answer.content)
    assert told["id"] == told["start_url"] == told["scope"] == "/ciba/"
    assert told["name"] == told["short_name"] == "Approvals"
    assert told["display"] == "standalone"
    assert (told["lang"], told["dir"]) == ("en", "ltr")


def test_the_manifest_has_icons_that_launchers_take() -> None:
    icons = json.loads(Client().get("/ciba/manifest.webmanifest").content)["icons"]
    assert {(each["sizes"], each.get("purpose", "any")) for each in icons} == {
        ("any", "any"),
        ("192x192", "any"),
        ("512x512", "any"),
        ("512x512", "maskable"),
    }
    for each in icons:
        path = finders.find(each["src"].removeprefix("/static/"))
        assert isinstance(path, str)
        if each["type"] == "image/png":
            width = int.from_bytes(Path(path).read_bytes()[16:20])
            assert each["sizes"] == f"{width}x{width}"


def test_the_manifest_speaks_the_language_of_the_browser() -> None:
    answer = Client().get("/ciba/manifest.webmanifest", headers={"accept-language": "ar"})
    told = json.loads(answer.content)
    assert (told["lang"], told["dir"]) == ("ar", "rtl")


def test_a_site_names_the_app_with_any_letters(settings: Any) -> None:
    templates = dict(settings.TEMPLATES[0], APP_DIRS=False)
    name = 'Müller & "Co" \\ </script>\n'
    own = (
        "django.template.loaders.locmem.Loader",
        {"django_ciba/authentication_device/name.txt": name},
    )
    templates["OPTIONS"] = dict(
        templates["OPTIONS"], loaders=[own, "django.template.loaders.app_directories.Loader"]
    )
    settings.TEMPLATES = [templates]
    told = json.loads(Client().get("/ciba/manifest.webmanifest").content)
    assert told["name"] == 'Müller & "Co" \\ </script>'


def test_the_service_worker_is_a_script_whose_scope_is_the_mount() -> None:
    """Service Workers, Register: without a header, the scope may not be above the script's path."""
    answer = Client().get("/ciba/service-worker.js")
    assert answer["Content-Type"] == "text/javascript; charset=utf-8"
    assert "Service-Worker-Allowed" not in answer
    policy = "default-src 'none'; connect-src 'self'; img-src 'self'"
    assert answer["Content-Security-Policy"] == policy


def test_the_service_worker_keeps_the_offline_page_and_the_static_files() -> None:
    told = known(Client().get("/ciba/service-worker.js").content.decode())
    assert told["offline"] == "/ciba/offline/"
    assert told["files"] == [f"/static/{name}" for name in STATIC_FILES]


def test_the_service_worker_may_fetch_static_files_of_another_host(settings: Any) -> None:
    settings.STATIC_URL = "https://static.example.com/"
    policy = Client().get("/ciba/service-worker.js")["Content-Security-Policy"]
    sources = "'self' https://static.example.com"
    assert policy == f"default-src 'none'; connect-src {sources}; img-src {sources}"


def test_another_language_is_another_service_worker() -> None:
    """So that a browser fetches the offline page again, and in that language."""

    def version(language: str) -> str:
        headers = {"accept-language": language}
        text = Client().get("/ciba/service-worker.js", headers=headers).content.decode()
        return str(known(text)["version"])

    assert version("en") == version("en")
    assert version("en") != version("he")


@pytest.mark.urls(OTHER_URLS)
def test_the_app_is_where_the_site_mounts_it() -> None:
    told = json.loads(Client().get("/my/approvals/manifest.webmanifest").content)
    assert told["id"] == told["start_url"] == told["scope"] == "/my/approvals/"
    worker = known(Client().get("/my/approvals/service-worker.js").content.decode())
    assert worker["offline"] == "/my/approvals/offline/"
    assert worker["push"] == "/my/approvals/devices/web-push/"
    page = Client().get("/my/approvals/offline/").content.decode()
    assert 'href="/my/approvals/manifest.webmanifest"' in page
    assert 'data-worker="/my/approvals/service-worker.js"' in page


@pytest.mark.django_db
def test_the_offline_page_names_nobody_even_when_signed_in(browser: Client) -> None:
    text = browser.get("/ciba/offline/").content.decode()
    assert "What waits for you is still there." in text
    assert "alice" not in text
    assert "csrfmiddlewaretoken" not in text


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address",
    ["", "history/", "devices/", "muted/", "user-code/"],
    ids=lambda each: each or "inbox",
)
def test_every_page_can_be_reached_and_says_where_it_is(browser: Client, address: str) -> None:
    text = browser.get(f"/ciba/{address}").content.decode()
    for each in ("", "history/", "devices/", "muted/", "user-code/"):
        current = ' aria-current="page"' if each == address else ""
        assert f'<a href="/ciba/{each}"{current}>' in text
    assert '<a class="skip" href="#content">' in text
    assert '<main id="content"' in text


# --- what a notification says ------------------------------------------------------------------


@pytest.mark.django_db
def test_a_notification_says_who_asks_and_offers_no_verdict(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice)
    answer = browser.get(f"/ciba/requests/{found.public_id}/notification.json")
    assert answer.json() == {
        "title": "Example Bank asks for your approval",
        "body": arrange.MESSAGE,
        "waiting": True,
    }
    assert answer["Cache-Control"] == "no-store, private"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"seconds": -1}, "Time ran out. Nothing was approved."),
        ({"status": "cancelled"}, "It was withdrawn. Nothing was approved."),
        ({"status": "denied", "answer": "denied"}, "It has been denied."),
        (
            {"status": "failed", "answer": "failed"},
            "It could not be completed. Nothing was approved.",
        ),
        (
            {
                "status": "authorized",
                "answer": "approved",
                "authenticated_at": timezone.now(),
                "answered_at": timezone.now(),
            },
            "It has been approved.",
        ),
    ],
    ids=["expired", "withdrawn", "denied", "failed", "approved"],
)
def test_a_notification_that_comes_late_says_so(
    browser: Client, alice: User, fields: dict[str, Any], body: str
) -> None:
    found = arrange.waiting(alice, **fields)
    assert browser.get(f"/ciba/requests/{found.public_id}/notification.json").json() == {
        "title": "Example Bank waits no longer",
        "body": body,
        "waiting": False,
    }


@pytest.mark.django_db
def test_a_notification_of_another_users_request_says_nothing(browser: Client, bob: User) -> None:
    found = arrange.waiting(bob)
    theirs = browser.get(f"/ciba/requests/{found.public_id}/notification.json")
    nobodys = browser.get(f"/ciba/requests/{uuid4()}/notification.json")
    assert (theirs.status_code, theirs.json()) == (404, {"error": "not_found"})
    assert (nobodys.status_code, nobodys.json()) == (404, {"error": "not_found"})


@pytest.mark.django_db
def test_a_request_that_was_never_put_before_its_user_has_no_notification(
    browser: Client, alice: User
) -> None:
    found = arrange.waiting(alice, prompted_at=None, prompt_until=None)
    answer = browser.get(f"/ciba/requests/{found.public_id}/notification.json")
    assert answer.status_code == 404


@pytest.mark.django_db
def test_a_browser_that_is_signed_out_learns_nothing(alice: User) -> None:
    found = arrange.waiting(alice)
    answer = Client().get(f"/ciba/requests/{found.public_id}/notification.json")
    assert (answer.status_code, answer.json()) == (403, {"error": "login_required"})


@pytest.mark.django_db
def test_a_notification_is_one_query_besides_the_login(
    browser: Client, alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    found = arrange.waiting(alice)
    configuration().realms()  # a process has them in memory
    with django_assert_num_queries(3):  # session, user, request
        browser.get(f"/ciba/requests/{found.public_id}/notification.json")
