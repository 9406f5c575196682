"""What holds a secret does not show it: error reports print the values of local names."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from django_ciba.authentication_device.api.signed_answer import SignedAnswer
from django_ciba.journeys import Evidence, Message
from django_ciba.prompts import Prompt
from django_ciba.prompts.subscription import Subscription

SECRET = "246813"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
EVIDENCE = Evidence(number="42", passcode=SECRET, link=SECRET)


@pytest.mark.parametrize(
    "kept",
    [
        EVIDENCE,
        Message(NOW, carries={"passcode": SECRET}),
        Prompt(cast(Any, None), "Bank", "", f"https://op/{SECRET}/", NOW, "", passcode=SECRET),
        SignedAnswer(SECRET, "approved", "jti", NOW, (), NOW, EVIDENCE),
        Subscription("https://push.example.com/", b"point", SECRET.encode()),
    ],
    ids=lambda kept: type(kept).__name__,
)
def test_its_repr_holds_no_secret(kept: Any) -> None:
    assert any(SECRET in str(getattr(kept, each.name)) for each in fields(kept))
    assert SECRET not in repr(kept)
