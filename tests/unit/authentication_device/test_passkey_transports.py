"""What a browser says of a passkey's transports is a hint, and may be anything at all."""

import json
from typing import Any

import pytest
from django.test import Client

from django_ciba.models import Passkey
from tests.unit.authentication_device.authenticator import Authenticator

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (["internal", ["usb"]], ["internal"]),
        ([{}, None, 1, "hybrid"], ["hybrid"]),
        ("internal", []),
    ],
)
def test_what_is_no_transport_is_passed_over(browser: Client, said: Any, kept: list[str]) -> None:
    told = browser.post("/ciba/passkeys/options/").json()
    made = json.loads(Authenticator().made(told["publicKey"]))
    made["response"]["transports"] = said
    form = {"name": "Phone", "challenge": told["challenge"], "credential": json.dumps(made)}
    assert browser.post("/ciba/passkeys/", form).status_code == 303
    assert Passkey.objects.get().transports == kept
