"""Who may take two steps: clients that poll, and no FAPI clients; said at every door."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from django_ciba.client_registration import metadata_problems
from django_ciba.client_registration.dynamic import REGISTRABLE
from django_ciba.conf import ciba_settings
from django_ciba.journeys import takes_two_steps
from django_ciba.models import Client
from tests.provider import PUSH_JOURNEY, key
from tests.two_steps import two_step_journey

MODE = "backchannel_token_delivery_mode"
CALLED = {
    MODE: "ping",
    "backchannel_client_notification_endpoint": "https://rp.example.com/ciba",
}
PINGED = (
    "two_step_user_code",
    f"is true, and {MODE} is ping: a client polls for a middle token, so use poll",
)
FAPI = ("two_step_user_code", "must be false with profile fapi-ciba")


def client(**changes: Any) -> dict[str, Any]:
    return {
        "client_id": "partner",
        "client_secret": "s" * 32,
        "jwks": {"keys": [key("ES256", "client").public_jwk]},
        "two_step_user_code": True,
        **changes,
    }


def test_a_client_that_polls_may() -> None:
    assert list(metadata_problems(client(), ciba_settings)) == []


@pytest.mark.parametrize(
    ("changes", "expected"), [(CALLED, PINGED), ({"profile": "fapi-ciba"}, FAPI)]
)
def test_registration_refuses_others(changes: dict[str, str], expected: tuple[str, str]) -> None:
    found = [tuple(each) for each in metadata_problems(client(**changes), ciba_settings)]
    assert expected in found
    without = client(**changes, two_step_user_code=False)
    found = [tuple(each) for each in metadata_problems(without, ciba_settings)]
    assert not [each for each in found if each[0] == "two_step_user_code"]


@pytest.mark.django_db
def test_the_import_refuses_them_and_changes_nothing(
    tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.DJANGO_CIBA = {"ISSUER": "https://op.example.com/oauth2"}
    document = tmp_path / "realm.json"
    document.write_text(json.dumps({"realm": "/", "clients": [client(**CALLED)]}))
    with pytest.raises(CommandError, match="nothing was imported"):
        call_command("ciba_import", str(document))
    said = "".join(capsys.readouterr())
    assert f"clients[0].two_step_user_code: {PINGED[1]}" in said, said
    assert not Client.objects.exists()


def test_no_client_gives_it_to_itself() -> None:
    """It hears its users' passcodes: that is the operator's to allow."""
    assert "two_step_user_code" not in REGISTRABLE


def test_which_journeys_need_it() -> None:
    assert takes_two_steps(two_step_journey())
    assert not takes_two_steps(PUSH_JOURNEY)
    on_the_device = two_step_journey()
    on_the_device["nodes"]["send"]["config"] = {"entered_at": "device"}
    assert not takes_two_steps(on_the_device)
