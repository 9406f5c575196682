"""What allauth has written down of a session, as `amr`: two factors are not one proved twice."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.contrib.auth.models import User

from django_ciba.authentication_device.step_up import ALLAUTH_RECORDS, AllauthStepUp

PASSWORD = {"method": "password", "at": 1.0}
CODE = {"method": "mfa", "type": "totp", "at": 2.0}
KEY = {"method": "mfa", "type": "webauthn", "at": 3.0}
RECOVERY = {"method": "mfa", "type": "recovery_codes", "at": 3.0}
PROVIDER = {"method": "socialaccount", "provider": "example", "at": 1.0}


@pytest.mark.parametrize(
    ("records", "amr"),
    [
        ([PASSWORD], ["pwd"]),
        ([PASSWORD, PASSWORD], ["pwd"]),
        ([PASSWORD, CODE], ["pwd", "otp", "mfa"]),
        ([PROVIDER, KEY], ["pop", "mfa"]),
        ([KEY], ["pop"]),
        ([KEY, {**KEY, "reauthenticated": True}], ["pop"]),
        ([CODE, CODE], ["otp"]),
        ([CODE, RECOVERY], ["otp"]),
        ([KEY, CODE], ["pop", "otp", "mfa"]),
    ],
)
def test_amr(records: list[dict[str, Any]], amr: list[str]) -> None:
    request = SimpleNamespace(session={ALLAUTH_RECORDS: records}, user=User(pk=1))
    assert AllauthStepUp().amr(cast(Any, request)) == amr
