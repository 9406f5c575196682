"""Text messages through the site's own backend."""

from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import AbstractBaseUser, User
from django.utils import translation

from django_ciba.hooks import CibaHooks
from django_ciba.models import Client
from django_ciba.outbox import GiveUp, TryAgain
from django_ciba.prompts import Prompt, channel, reachable_channels
from django_ciba.prompts.sms import SmsBackend
from tests.unit.prompts.conftest import Asked, Configure, says_its_language, sent

HERE = "tests.unit.prompts.test_sms"


class Gateway(SmsBackend):
    """The site's gateway, which keeps what it is given and refuses as the test says."""

    sent: ClassVar[list[tuple[str, str]]] = []
    refusal: ClassVar[Exception | None] = None

    def send(self, number: str, text: str) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.sent.append((number, text))


class NoBackend: ...


class Hooks(CibaHooks):
    """A site that keeps its numbers elsewhere."""

    number: ClassVar[str] = "+995555123456"

    def phone_number(self, user: AbstractBaseUser) -> str:
        return self.number if user.get_username() == "alice" else ""


@pytest.fixture(autouse=True)
def sms_site(site: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    site(PROMPT_CHANNELS=["sms"], SMS_BACKEND=f"{HERE}.Gateway", HOOKS=f"{HERE}.Hooks")
    monkeypatch.setattr(Gateway, "refusal", None)
    Gateway.sent.clear()


def prompt(user: User, **changes: Any) -> Prompt:
    said: dict[str, Any] = {
        "client_name": "The Shop",
        "binding_message": "Pay £50 (EB-1)",
        "url": "https://op.example.com/ciba/requests/7/",
        "expires_at": datetime(2099, 1, 1, tzinfo=UTC),
        "ui_locales": "",
    }
    return Prompt(user=user, **{**said, **changes})


def test_a_text_message_says_who_asks_and_where_to_answer(asked: Asked) -> None:
    found = asked()
    sent(found)
    text = (
        "The Shop asks for your approval: Pay £50 to Example (EB-1) "
        f"https://op.example.com/ciba/requests/{found.public_id}/"
    )
    assert Gateway.sent == [("+995555123456", text)]


def test_a_passcode_goes_without_a_link(alice: User) -> None:
    channel("sms").send(prompt(alice, passcode="042137"))
    ((_, text),) = Gateway.sent
    assert text == (
        "042137 is your passcode for The Shop. Type it only on this site, and tell it to nobody. "
        "Pay £50 (EB-1)"
    )
    assert "://" not in text


def test_a_name_is_text_on_one_line_and_no_template(alice: User) -> None:
    channel("sms").send(prompt(alice, client_name="{{ prompt }}\n& <b>Co</b>", binding_message=""))
    ((_, text),) = Gateway.sent
    assert text == (
        "{{ prompt }} & <b>Co</b> asks for your approval: https://op.example.com/ciba/requests/7/"
    )


def test_the_language_is_the_first_that_the_site_speaks(
    alice: User, settings: Any, tmp_path: Any
) -> None:
    says_its_language(settings, tmp_path, "sms.txt")
    channel("sms").send(prompt(alice, ui_locales="xx de-AT"))
    assert Gateway.sent == [("+995555123456", "de")]
    assert translation.get_language() == "en"


def test_it_reaches_whoever_has_a_number_where_there_is_a_backend(
    alice: User, site: Configure
) -> None:
    assert reachable_channels(alice, secret=True) == ["sms"]
    assert reachable_channels(User.objects.create_user("bob")) == []
    site(SMS_BACKEND=None)
    assert reachable_channels(alice) == []


def test_by_default_the_number_is_what_the_user_model_holds(alice: User) -> None:
    hooks = CibaHooks()
    assert hooks.phone_number(alice) == ""
    alice.mobile = " +995 555 "  # type: ignore[attr-defined]
    assert hooks.phone_number(alice) == "+995 555"
    alice.phone_number = "+44"  # type: ignore[attr-defined]
    assert hooks.phone_number(alice) == "+44"


@pytest.mark.parametrize("number", ["", "+995\nBcc: x", "+995\x00"])
def test_a_number_that_is_none_ends_it(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    found = asked()
    monkeypatch.setattr(Hooks, "number", number)
    with pytest.raises(GiveUp, match="the user has no telephone number any more"):
        sent(found)
    assert Gateway.sent == []


@pytest.mark.parametrize(
    "refusal", [GiveUp("the gateway refused the number"), TryAgain("busy", after=7)]
)
def test_what_the_backend_says_counts(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, refusal: Exception
) -> None:
    monkeypatch.setattr(Gateway, "refusal", refusal)
    with pytest.raises(type(refusal)) as caught:
        sent(asked())
    assert caught.value is refusal


def test_a_backend_that_is_gone_is_tried_again(asked: Asked, site: Configure) -> None:
    found = asked()
    site(SMS_BACKEND=None)
    with pytest.raises(TryAgain, match="needs SMS_BACKEND, which is not set"):
        sent(found)


def test_what_is_no_backend_is_refused(asked: Asked, site: Configure, client: Client) -> None:
    found = asked()
    site(SMS_BACKEND=f"{HERE}.NoBackend")
    with pytest.raises(TypeError, match=r"is not a subclass of django_ciba\.prompts\.sms\.SmsB"):
        sent(found)


def test_a_passcode_for_the_client_is_for_nobody_else(alice: User) -> None:
    channel("sms").send(prompt(alice, passcode="042137", typed_at_client=True))
    ((_, text),) = Gateway.sent
    assert text == (
        "042137 is your passcode for The Shop. Give it to nobody else. Pay £50 (EB-1) "
        "Not you? Deny it: https://op.example.com/ciba/requests/7/"
    )
