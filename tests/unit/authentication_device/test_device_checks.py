"""System checks of the device as an app."""

from typing import Any

import pytest
from django.core import checks

OURS = {"django_ciba.W080", "django_ciba.W081"}


def heard() -> list[str]:
    """What `manage.py check --deploy` says of ours."""
    # Django 6.1 asks every database unless it is told.
    found = checks.run_checks(include_deployment_checks=True, databases=[])
    return [f"{each.id} {each.msg}" for each in found if each.id in OURS]


@pytest.mark.parametrize(
    ("channels", "ends", "words"),
    [
        (["webpush"], True, ["django_ciba.W080 SESSION_EXPIRE_AT_BROWSER_CLOSE is True"]),
        (["webpush"], False, []),
        (["email"], True, []),
    ],
)
def test_sessions_that_end_with_the_browser(
    settings: Any, channels: list[str], ends: bool, words: list[str]
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "PROMPT_CHANNELS": channels}
    settings.SESSION_EXPIRE_AT_BROWSER_CLOSE = ends
    assert [each.split(":")[0] for each in heard()] == words


@pytest.mark.urls("tests.unit.authentication_device.root_urls")
def test_a_device_at_the_root() -> None:
    words = "django_ciba.authentication_device.urls is included at /."
    assert heard() == [f"django_ciba.W081 {words}"]


@pytest.mark.urls("tests.unit.authentication_device.other_urls")
def test_a_device_at_a_path_of_its_own() -> None:
    assert heard() == []
