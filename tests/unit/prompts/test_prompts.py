"""Prompts: which channels reach whom, what an e-mail says, and when nothing is sent any more."""

import smtplib
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any, ClassVar

import django
import pytest
from django.contrib.auth.models import AbstractBaseUser, User
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone, translation

from django_ciba import prompts
from django_ciba.due import run_due
from django_ciba.journeys import walk_due
from django_ciba.models import AuthenticationRequest, Client, Delivery
from django_ciba.outbox import GiveUp, TryAgain, Withdrawn
from django_ciba.prompts import Channel, Prompt, channel, reachable_channels
from django_ciba.prompts.console import ConsoleChannel
from django_ciba.prompts.email import EmailChannel
from tests.provider import make_user
from tests.unit.journeys.arrange import SEEDS, Answer, begin, say, seeds, stored
from tests.unit.prompts.conftest import Asked, Configure, says_its_language, sent

MESSAGE = "Allow <Example & Sons> to transfer £50 from 'Main' to \"Savings\"? (EB-0246326)"


def the_mail() -> EmailMessage:
    (found,) = mail.outbox
    return found


# --- what an e-mail says ------------------------------------------------------------------------


def test_an_email_says_who_asks_for_what_and_where_to_answer(asked: Asked) -> None:
    until = datetime(2099, 1, 2, 3, 4, tzinfo=UTC)
    found = asked(binding_message=MESSAGE, prompt_until=until, expires_at=until)
    sent(found)
    found_mail = the_mail()
    assert found_mail.subject == "The Shop asks for your approval"
    assert found_mail.to == ["alice@example.com"]
    assert (found_mail.cc, found_mail.bcc) == ([], [])
    assert found_mail.from_email == "site@example.com"
    assert found_mail.alternatives == []  # type: ignore[attr-defined]
    assert found_mail.body == (
        "The Shop asks for your approval:\n"
        "\n"
        f"    {MESSAGE}\n"
        "\n"
        "Look at it, and approve or deny it here:\n"
        f"https://op.example.com/ciba/requests/{found.public_id}/\n"
        "\n"
        "You can answer until: Jan. 2, 2099, 3:04 a.m. (UTC)\n"
        "\n"
        "If you did not expect this, deny it.\n"
    )


def mail_through(settings: Any, backend: str) -> None:
    """The site's mail backend, as this Django names it."""
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": backend}}
    else:
        settings.EMAIL_BACKEND = backend


def test_an_email_cannot_be_answered_without_the_page(asked: Asked) -> None:
    """No approval by a link that a mail scanner follows, and no secret that a mailbox keeps."""
    found = asked()
    sent(found)
    message = the_mail().message()
    body = message.get_payload(decode=True)
    assert isinstance(body, bytes)
    text = f"{message.items()}{body.decode()}"
    assert text.count("http") == 1
    assert "approved" not in text
    assert found.auth_req_id_digest not in text


def test_a_request_without_a_message_shows_a_dash(asked: Asked) -> None:
    sent(asked(binding_message=""))
    assert "\n\n    \u2013\n\n" in str(the_mail().body)


def test_a_client_without_a_name_is_called_by_its_id(asked: Asked, client: Client) -> None:
    found = asked()
    client.client_name = ""
    client.save()
    sent(found)
    assert the_mail().subject == "shop asks for your approval"


@pytest.mark.parametrize(
    "name",
    [
        "The Shop\nBcc: eve@example.com",
        "The Shop\r\nBcc: eve@example.com",
        "The Shop\r\n\r\n<html>",
        "The Shop\u2028Bcc: eve@example.com",
        "\n\nThe Shop\x0bBcc: eve@example.com\n",
    ],
)
def test_a_clients_name_writes_no_header(asked: Asked, client: Client, name: str) -> None:
    found = asked()
    Client.objects.filter(pk=client.pk).update(client_name=name)
    sent(found)
    message = message_from_bytes(the_mail().message().as_bytes())
    assert message["To"] == "alice@example.com"
    assert message["Bcc"] is None
    assert the_mail().recipients() == ["alice@example.com"]
    assert len(the_mail().subject.splitlines()) == 1


def test_a_clients_name_is_text_and_no_template(asked: Asked, client: Client) -> None:
    found = asked(binding_message="{{ prompt.user.password }} {% debug %} %(client)s")
    Client.objects.filter(pk=client.pk).update(client_name="{{ prompt }} & <b>Co</b> 100 %")
    sent(found)
    assert the_mail().subject == "{{ prompt }} & <b>Co</b> 100 % asks for your approval"
    assert "\n    {{ prompt.user.password }} {% debug %} %(client)s\n" in str(the_mail().body)


def test_an_address_with_a_line_break_reaches_nobody(asked: Asked, alice: User) -> None:
    found = asked()
    User.objects.filter(pk=alice.pk).update(email="alice@example.com\nBcc: eve@example.com")
    with pytest.raises(GiveUp, match="the user has no e-mail address any more"):
        sent(stored(found))
    assert mail.outbox == []


# --- where the link leads -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issuer", "device", "base"),
    [
        ("https://op.example.com/oauth2", None, "https://op.example.com/ciba"),
        ("https://op.example.com:8443/a/oauth2", None, "https://op.example.com:8443/ciba"),
        (
            "https://op.example.com/oauth2",
            "https://device.example.com/me",
            "https://device.example.com/me",
        ),
        (
            "https://op.example.com/oauth2",
            "https://device.example.com/me/",
            "https://device.example.com/me",
        ),
    ],
)
def test_the_link_is_the_requests_page_on_the_device(
    asked: Asked, site: Configure, issuer: str, device: str | None, base: str
) -> None:
    site(ISSUER=issuer, DEVICE_URL=device)
    found = asked()
    sent(found)
    assert f"\n{base}/requests/{found.public_id}/\n" in str(the_mail().body)


@pytest.mark.django_db
def test_the_link_leads_to_a_page(asked: Asked, alice: User, client: Client) -> None:
    from django.test import Client as Browser

    found = asked()
    sent(found)
    (address,) = (line for line in str(the_mail().body).splitlines() if "://" in line)
    browser = Browser()
    browser.force_login(alice)
    answer = browser.get(address.removeprefix("https://op.example.com"))
    assert answer.status_code == 200
    assert "The Shop" in answer.content.decode()


# --- in which language ----------------------------------------------------------------------------


@pytest.fixture
def own_templates(settings: Any, tmp_path: Path) -> None:
    """The site's own subject, which says in which language it was written."""
    says_its_language(settings, tmp_path, "email_subject.txt")


@pytest.mark.usefixtures("own_templates")
@pytest.mark.parametrize(
    ("ui_locales", "language"),
    [
        ("de", "de"),
        ("de-AT fr", "de"),
        ("xx fr-CA de", "fr"),
        ("zh-Hant-TW", "zh-hant"),
        ("PT-br", "pt-br"),
        ("", "en"),
        ("xx yy", "en"),
        ("x" * 200, "en"),
        ("../../etc/passwd de", "de"),
    ],
)
def test_the_language_is_the_first_that_the_site_speaks(
    asked: Asked, ui_locales: str, language: str
) -> None:
    sent(asked(ui_locales=ui_locales))
    assert the_mail().subject == language
    assert translation.get_language() == "en"


@pytest.mark.usefixtures("own_templates")
def test_a_site_that_speaks_less_is_written_in_what_it_speaks(asked: Asked, settings: Any) -> None:
    settings.LANGUAGES = [("en", "English"), ("ka", "Georgian")]
    sent(asked(ui_locales="de ka"))
    assert the_mail().subject == "ka"


def test_the_time_is_written_as_in_that_language(asked: Asked) -> None:
    until = datetime(2099, 12, 24, 15, 4, tzinfo=UTC)
    sent(asked(ui_locales="de", expires_at=until, prompt_until=until))
    assert "24. Dezember 2099 15:04 (UTC)" in str(the_mail().body)


# --- the mail server ------------------------------------------------------------------------------


class Refusing(BaseEmailBackend):
    """A mail server that refuses in a way of the test's choosing."""

    refusal: ClassVar[Exception]

    def send_messages(self, email_messages: Any) -> int:
        raise self.refusal


def refused(codes: dict[str, tuple[int, bytes]]) -> smtplib.SMTPRecipientsRefused:
    return smtplib.SMTPRecipientsRefused(codes)


@pytest.mark.parametrize(
    ("refusal", "ends"),
    [
        (refused({"alice@example.com": (550, b"no such user")}), GiveUp),
        (refused({"alice@example.com": (450, b"greylisted")}), TryAgain),
    ],
    ids=["permanent", "temporary"],
)
def test_a_refused_address_ends_it_only_when_refused_for_good(
    asked: Asked,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    refusal: Exception,
    ends: type[Exception],
) -> None:
    mail_through(settings, f"{__name__}.Refusing")
    monkeypatch.setattr(Refusing, "refusal", refusal, raising=False)
    with pytest.raises(ends) as caught:
        sent(asked())
    assert "alice" not in str(caught.value)


@pytest.mark.parametrize(
    "refusal",
    [
        smtplib.SMTPAuthenticationError(535, b"wrong password for ciba"),
        smtplib.SMTPServerDisconnected("alice@example.com"),
        ConnectionRefusedError(111, "alice@example.com"),
        TimeoutError("alice@example.com"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_mail_server_that_cannot_be_used_now_is_tried_again_and_not_quoted(
    asked: Asked, settings: Any, monkeypatch: pytest.MonkeyPatch, refusal: Exception
) -> None:
    mail_through(settings, f"{__name__}.Refusing")
    monkeypatch.setattr(Refusing, "refusal", refusal, raising=False)
    with pytest.raises(TryAgain) as caught:
        sent(asked())
    assert str(caught.value) == f"the mail server did not take it: {type(refusal).__name__}"


def test_an_address_that_is_gone_ends_it(asked: Asked, alice: User) -> None:
    found = asked()
    User.objects.filter(pk=alice.pk).update(email="")
    with pytest.raises(GiveUp, match="the user has no e-mail address any more"):
        sent(stored(found))


# --- when nothing is sent any more ----------------------------------------------------------------


def withdrawn(found: AuthenticationRequest, now: datetime | None = None) -> None:
    with pytest.raises(Withdrawn, match="the request no longer waits for an answer"):
        sent(found, now)
    assert mail.outbox == []


@pytest.mark.parametrize("verdict", [Answer.APPROVED, Answer.DENIED])
def test_an_answered_request_prompts_no_more(asked: Asked, verdict: str) -> None:
    found = asked()
    say(found, verdict, timezone.now())
    withdrawn(found)


def test_a_cancelled_request_prompts_no_more(asked: Asked) -> None:
    found = asked()
    AuthenticationRequest.objects.cancel(found.pk, timezone.now())
    withdrawn(found)


def test_an_expired_request_prompts_no_more(asked: Asked) -> None:
    found = asked()
    withdrawn(found, found.expires_at)


def test_a_prompt_that_has_run_out_is_not_sent(asked: Asked) -> None:
    """The request lives on, but an answer to this prompt would be refused as expired."""
    found = asked()
    assert found.prompt_until is not None
    assert found.prompt_until < found.expires_at
    withdrawn(found, found.prompt_until)


def test_the_prompt_of_an_earlier_round_is_not_sent(client: Client, alice: User) -> None:
    """One that was late must not reach the user beside the one that follows it."""
    verify = SEEDS["nodes"]["verify"]
    again = {**verify, "outcomes": {**verify["outcomes"], "expired": "send"}}
    now = timezone.now()
    found = begin(seeds(verify=again), client, alice, now=now)
    assert walk_due(found.pk, now + timedelta(seconds=120))
    later = now + timedelta(seconds=121)
    first, second = Delivery.objects.filter(authentication_request=found).order_by("round")
    with pytest.raises(Withdrawn, match="the user has been prompted again since"):
        prompts.send(first, later)
    prompts.send(second, later)
    assert len(mail.outbox) == 1


def test_the_request_of_a_client_that_was_disabled_prompts_no_more(
    asked: Asked, client: Client
) -> None:
    found = asked()
    client.enabled = False
    client.save()
    withdrawn(found)


def test_a_user_who_may_not_sign_in_any_more_is_not_prompted(asked: Asked, alice: User) -> None:
    found = asked()
    alice.is_active = False
    alice.save()
    withdrawn(stored(found))


# --- channels -----------------------------------------------------------------------------------


class Pager(Channel):
    """A channel of the site's own."""

    paged: ClassVar[list[Prompt]] = []

    def reaches(self, user: AbstractBaseUser) -> bool:
        return user.get_username() == "alice"

    def send(self, prompt: Prompt) -> None:
        self.paged.append(prompt)


PAGER = f"{__name__}.Pager"


def test_the_channels_are_the_sites_that_reach_the_user(site: Configure, alice: User) -> None:
    bob = make_user("bob", email="")
    site(PROMPT_CHANNELS=["console", PAGER, "email"])
    assert reachable_channels(alice) == ["console", PAGER, "email"]
    assert reachable_channels(bob) == ["console"]
    site(PROMPT_CHANNELS=[])
    assert reachable_channels(alice) == []


def test_a_channel_of_the_sites_own_is_given_all_there_is_to_say(
    site: Configure, client: Client, alice: User
) -> None:
    site(PROMPT_CHANNELS=[PAGER])
    Pager.paged.clear()
    found = begin(SEEDS, client, alice, now=timezone.now())
    sent(found)
    (prompt,) = Pager.paged
    assert found.prompt_until is not None
    assert prompt == Prompt(
        user=alice,
        client_name="The Shop",
        binding_message=found.binding_message,
        url=f"https://op.example.com/ciba/requests/{found.public_id}/",
        expires_at=found.prompt_until,
        ui_locales="",
        public_id=str(found.public_id),
    )


def test_the_names_that_we_know() -> None:
    assert isinstance(channel("email"), EmailChannel)
    assert isinstance(channel("console"), ConsoleChannel)
    assert channel("email") is channel("email")


@pytest.mark.parametrize("name", ["pigeon", "no.such.module.Channel", f"{__name__}.Missing", ""])
def test_a_name_of_nothing_is_an_import_error(name: str) -> None:
    with pytest.raises(ImportError):
        channel(name)


@pytest.mark.parametrize("name", [f"{__name__}.Refusing", f"{__name__}.MESSAGE"])
def test_what_is_no_channel_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=r"is not a subclass of django_ciba\.prompts\.Channel"):
        channel(name)


def test_a_channel_that_is_gone_is_tried_again_and_stops_nothing_else(
    asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker that has not yet been given the new code, as in a rolling deployment."""
    found = asked()
    Delivery.objects.update(channel="site.channels.Pager")
    assert run_due() == 1
    delivery = Delivery.objects.get(authentication_request=found)
    assert (delivery.state, delivery.problem) == ("due", "ModuleNotFoundError")
    assert "No module named 'site.channels'" in caplog.text


def test_a_channel_that_never_was_fails_the_request_and_leaves_nothing(
    client: Client, alice: User, site: Configure
) -> None:
    """`manage.py check` says so too; to go on without it would leave users unasked for months."""
    site(PROMPT_CHANNELS=["email", "pigeon"])
    with pytest.raises(ImportError, match="pigeon"):
        begin(SEEDS, client, alice, now=timezone.now())
    assert AuthenticationRequest.objects.count() == 0


def test_the_console_says_who_is_asked_what(
    asked: Asked, site: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    site(PROMPT_CHANNELS=["console"])
    for message, shown in ((MESSAGE, MESSAGE), ("", "(no message)")):
        found = asked(binding_message=message)
        sent(found)
        assert capsys.readouterr().out == (
            f"[prompt for alice] The Shop asks for your approval: {shown} -> "
            f"https://op.example.com/ciba/requests/{found.public_id}/\n"
        )
