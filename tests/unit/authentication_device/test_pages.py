"""The headers of every page."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

import django_ciba
from django_ciba.authentication_device.pages import STATIC_FILES, content_security_policy
from tests.unit.authentication_device import arrange

PACKAGE = Path(django_ciba.__file__).parent
TEMPLATES = PACKAGE / "templates" / "django_ciba" / "authentication_device"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'; "
    "worker-src 'self'"
)


@pytest.mark.django_db
@pytest.mark.parametrize("signed", [True, False], ids=["signed in", "anonymous"])
@pytest.mark.parametrize(
    "address",
    [
        "/ciba/",
        "/ciba/waiting.json",
        "/ciba/history/",
        "/ciba/user-code/",
        "/ciba/requests/{}/",
        "/ciba/requests/{}/card/",
        "/ciba/requests/{}/waiting.json",
        "/ciba/requests/00000000-0000-0000-0000-000000000000/",
    ],
)
def test_every_answer_is_shut_in(browser: Client, alice: User, address: str, signed: bool) -> None:
    found = arrange.waiting(alice)
    answer = (browser if signed else Client()).get(address.format(found.public_id))
    assert answer["Content-Security-Policy"] == POLICY
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Cache-Control"] == "no-store, private"
    assert "Cookie" in answer["Vary"]


def test_what_the_pages_load_is_what_the_policy_counts_with() -> None:
    """And what the service worker keeps, so that nothing is missing without a connection."""
    loaded = {
        name
        for path in TEMPLATES.iterdir()
        for name in re.findall(r"{% static '([^']+)' %}", path.read_text(encoding="utf-8"))
    }
    assert loaded == set(STATIC_FILES)
    for name in STATIC_FILES:
        assert (PACKAGE / "static" / name).is_file()


@pytest.mark.parametrize(
    ("static_url", "source"),
    [
        ("https://static.example.com/site/", "https://static.example.com"),
        ("https://static.example.com:8443/", "https://static.example.com:8443"),
        ("//cdn.example.com/", "cdn.example.com"),
    ],
)
def test_static_files_of_another_host_are_let_in(
    settings: Any, static_url: str, source: str
) -> None:
    settings.STATIC_URL = static_url
    policy = content_security_policy()
    for directive in ("script-src", "style-src", "img-src"):
        assert f"{directive} 'self' {source};" in policy
    assert "connect-src 'self';" in policy


def test_no_template_needs_what_the_policy_forbids() -> None:
    """No inline script or style, nothing marked safe, nothing from elsewhere."""
    templates = sorted(TEMPLATES.glob("*.html"))
    assert templates
    for path in templates:
        text = path.read_text(encoding="utf-8")
        for wrong in (
            "<style",
            "style=",
            " onclick",
            " onload",
            "|safe",
            "autoescape",
            "http:",
            "https:",
        ):
            assert wrong not in text, f"{path.name}: {wrong}"
        assert text.count("<script") == text.count("<script src="), path.name


def test_the_styles_and_the_script_load_nothing_further() -> None:
    texts = [name for name in STATIC_FILES if name.endswith((".css", ".js"))]
    assert texts
    for name in texts:
        text = (PACKAGE / "static" / name).read_text(encoding="utf-8")
        for wrong in ("url(", "@import", "import(", "eval(", "http:", "https:"):
            assert wrong not in text, f"{name}: {wrong}"
