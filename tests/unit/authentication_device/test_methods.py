"""`amr` claims no more than what went out: by which channel a passcode or a link has come."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from django_ciba.models import AuthenticationRequest, Delivery
from django_ciba.models.authentication_request import ASKED, ROUNDS
from tests.unit.authentication_device import test_link as links
from tests.unit.authentication_device import test_passcode as passcodes
from tests.unit.authentication_device.api.app import App, enrolled
from tests.unit.authentication_device.test_decisions import stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def api_app(alice: User) -> App:
    return enrolled(alice)


def sent(found: AuthenticationRequest, channel: str, round_: int) -> None:
    """By that channel, in that round; the second one was the last question."""
    found.memory = {ROUNDS: 2, ASKED: 2}
    found.save()
    Delivery.objects.create(
        authentication_request=found,
        kind=Delivery.Kind.PROMPT,
        channel=channel,
        round=round_,
        state=Delivery.State.DELIVERED,
        due_at=timezone.now(),
        created_at=timezone.now(),
    )


def test_a_passcode_counts_alike_wherever_it_is_typed(alice: User, api_app: App) -> None:
    found = passcodes.asked(alice)
    sent(found, "sms", 2)
    assert api_app.answer(found, passcode="123456").status_code == 200
    assert stored(found).amr == ["pop", "otp", "sms"]


@pytest.mark.parametrize(
    ("went", "amr"),
    [
        ([("sms", 2)], ["pwd", "otp", "sms"]),
        ([("sms", 1), ("email", 2)], ["pwd", "otp"]),
        ([("sms", 2), ("email", 2)], ["pwd", "otp"]),
    ],
)
def test_a_passcode_came_by_text_message_if_it_went_by_no_other_way(
    browser: Client, alice: User, went: list[tuple[str, int]], amr: list[str]
) -> None:
    found = passcodes.asked(alice)
    for channel, round_ in went:
        sent(found, channel, round_)
    passcodes.typed(browser, found, "123456")
    assert stored(found).amr == amr


@pytest.mark.parametrize(
    ("went", "amr"),
    [
        ([("email", 2)], ["email"]),
        ([("sms", 2)], ["sms"]),
        ([("email", 1), ("sms", 2)], ["sms"]),
        ([("tests.site.Letter", 2)], []),
    ],
)
def test_a_link_came_as_it_was_sent(
    alice: User, went: list[tuple[str, int]], amr: list[str]
) -> None:
    found = links.asked(alice)
    Delivery.objects.all().delete()
    for channel, round_ in went:
        sent(found, channel, round_)
    assert Client().post(links.link(found), {"verdict": "approved"}).status_code == 303
    assert stored(found).amr == amr
