"""What allauth has written down of a session, as `amr`: two factors are not one proved twice.

And a second factor is as old as its own latest proof, whatever was proved since.
"""

from datetime import UTC, datetime
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


@pytest.mark.parametrize(
    ("records", "seconds"),
    [
        ([], None),
        ([PASSWORD], None),
        ([CODE, {**PASSWORD, "at": 9.0}], 2),
        ([CODE, KEY, PASSWORD], 3),
        ([{**KEY, "at": 99.0}], 10),
    ],
)
def test_the_time_of_a_second_factor_is_its_own(
    records: list[dict[str, Any]], seconds: int | None
) -> None:
    request = SimpleNamespace(session={ALLAUTH_RECORDS: records}, user=User(pk=1))
    proved_at = AllauthStepUp().second_factor_at(
        cast(Any, request), datetime.fromtimestamp(10, UTC)
    )
    assert proved_at == (None if seconds is None else datetime.fromtimestamp(seconds, UTC))
