"""Prompts follow ui_locales (OpenID Connect Core §3.1.2.1), which the client knows, not we."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.utils import translation

from django_ciba.models import AuthenticationRequest
from tests.unit.prompts.conftest import Asked, Configure, sent
from tests.unit.prompts.test_secrets import PASSCODE, carrying
from tests.unit.prompts.test_sms import HERE, Gateway


def body_of(found: AuthenticationRequest) -> str:
    sent(found)
    return str(mail.outbox[-1].body)


@pytest.mark.parametrize(
    ("ui_locales", "subject", "first", "last"),
    [
        (
            "de-AT en",
            "The Shop bittet um Ihre Zustimmung",
            "Sehen Sie sich die Anfrage hier an, und stimmen Sie ihr zu oder lehnen Sie sie ab:\n",
            "Wenn Sie dies nicht erwartet haben, lehnen Sie die Anfrage ab.\n",
        ),
        (
            "ka",
            "The Shop ითხოვს თქვენს დადასტურებას",
            "გაეცანით მოთხოვნას და დაადასტურეთ ან უარყავით აქ:\n",
            "თუ ამას არ ელოდით, უარყავით მოთხოვნა.\n",
        ),
        (
            "xx ka de",
            "The Shop ითხოვს თქვენს დადასტურებას",
            "გაეცანით მოთხოვნას და დაადასტურეთ ან უარყავით აქ:\n",
            "თუ ამას არ ელოდით, უარყავით მოთხოვნა.\n",
        ),
    ],
)
def test_a_mail_speaks_the_first_language_that_the_site_does(
    asked: Asked, ui_locales: str, subject: str, first: str, last: str
) -> None:
    with translation.override("fr"):  # of whoever was served before
        body = body_of(asked(ui_locales=ui_locales))
        assert translation.get_language() == "fr"
    assert mail.outbox[-1].subject == subject
    assert body.startswith(f"{subject}:\n\n    ")
    assert f"\n{first}https://op.example.com/ciba/requests/" in body
    assert body.endswith(last)


@pytest.mark.parametrize(
    ("ui_locales", "words"),
    [
        ("de", "geben Sie dort diesen Einmalcode ein:\n\n    042137\n\nNennen Sie ihn niemandem"),
        ("ka", "იქ შეიყვანეთ ეს ერთჯერადი კოდი:\n\n    042137\n\nარავის უთხრათ"),
    ],
)
def test_a_passcode_is_sent_with_the_same_warning_in_every_language(
    asked: Asked, ui_locales: str, words: str
) -> None:
    body = body_of(carrying(asked(ui_locales=ui_locales), passcode=PASSCODE))
    assert words in body
    assert "://" not in body


@pytest.mark.parametrize(
    ("ui_locales", "words"),
    [
        ("de", "Dieser Link ist nur für Sie bestimmt"),
        ("ka", "ეს ბმული მხოლოდ თქვენთვისაა"),
    ],
)
def test_a_link_is_for_one_person_in_every_language(
    asked: Asked, ui_locales: str, words: str
) -> None:
    assert words in body_of(carrying(asked(ui_locales=ui_locales), link="a-secret"))


@pytest.mark.parametrize(
    ("ui_locales", "begins"),
    [
        ("de", "042137 ist Ihr Einmalcode für The Shop. Geben Sie ihn nur auf dieser Website ein"),
        ("ka", "ერთჯერადი კოდი: 042137 (The Shop). შეიყვანეთ მხოლოდ ამ საიტზე"),
    ],
)
def test_a_text_message_does_too(
    asked: Asked, alice: User, site: Configure, ui_locales: str, begins: str
) -> None:
    site(PROMPT_CHANNELS=["sms"], SMS_BACKEND=f"{HERE}.Gateway", HOOKS=f"{HERE}.Hooks")
    Gateway.sent.clear()
    sent(carrying(asked(ui_locales=ui_locales), passcode=PASSCODE))
    ((_, text),) = Gateway.sent
    assert text.startswith(begins)


def test_a_language_that_the_site_does_not_speak_gives_its_own(asked: Asked, settings: Any) -> None:
    settings.LANGUAGES = [("en", "English"), ("de", "Deutsch")]
    assert "asks for your approval" in body_of(asked(ui_locales="ka"))
