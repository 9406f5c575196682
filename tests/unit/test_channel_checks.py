"""System checks of channels: whoever names one is told what it still needs, and how to get it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core import checks

from django_ciba.prompts import apns, fcm, http2, web_push
from django_ciba.prompts.sms import SmsBackend

ROOT = Path(__file__).parents[2]
HERE = "tests.unit.test_channel_checks"
OURS = {"E020", "E021", "E022", "E023", "W075"}
KEY = ec.generate_private_key(ec.SECP256R1())
SMTP = "django.core.mail.backends.smtp.EmailBackend"

Configure = Callable[..., None]


class Gateway(SmsBackend):
    def send(self, number: str, text: str) -> None: ...


class Unfinished(SmsBackend): ...


@pytest.fixture
def site(settings: Any, tmp_path: Path) -> Configure:
    """A site that has set up every channel; what a test changes is its one carelessness."""
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    (tmp_path / "key.p8").write_text(pem)
    (tmp_path / "empty").write_text("{}")
    settings.DJANGO_CIBA = {
        "ISSUER": "https://op.example.com/oauth2",
        "PROMPT_CHANNELS": ["webpush", "apns", "sms", "email"],
        "VAPID_PRIVATE_KEY": "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw",
        "VAPID_CONTACT": "mailto:ops@example.com",
        "APNS_KEY_FILE": str(tmp_path / "key.p8"),
        "APNS_KEY_ID": "KEY1234567",
        "APNS_TEAM_ID": "TEAM123456",
        "APNS_TOPIC": "com.example.app",
        "SMS_BACKEND": f"{HERE}.Gateway",
    }

    def configure(**changes: Any) -> None:
        settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, **changes}

    return configure


def heard(*, deploy: bool = True) -> list[tuple[str, str]]:
    """What the checks of channels say."""
    found = checks.run_checks(
        tags=["django_ciba"],
        include_deployment_checks=deploy,
        databases=[],  # Django 6.1 asks every one of them unless it is told
    )
    ids = [(str(each.id).removeprefix("django_ciba."), each.msg) for each in found]
    return [each for each in ids if each[0] in OURS]


@pytest.mark.usefixtures("site")
def test_a_site_that_has_set_up_its_channels_hears_nothing() -> None:
    assert heard() == []


def test_a_site_without_these_channels_needs_nothing_of_them(site: Configure) -> None:
    unset = ("VAPID_PRIVATE_KEY", "VAPID_CONTACT", "SMS_BACKEND", *apns.SETTINGS)
    site(PROMPT_CHANNELS=["email"], **dict.fromkeys(unset))
    assert heard() == []


@pytest.mark.parametrize(
    ("name", "where", "packages"),
    [
        ("webpush", (web_push, "CAN_ENCODE"), "http-ece and py-vapid"),
        ("fcm", (fcm, "CAN_SIGN_IN"), "google-auth"),
        ("apns", (http2, "CAN_SPEAK"), "h2"),
    ],
)
def test_a_missing_extra_is_said_with_the_line_that_installs_it(
    site: Configure,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    where: tuple[Any, str],
    packages: str,
) -> None:
    monkeypatch.setattr(*where, False)
    site(PROMPT_CHANNELS=[name], FCM_SERVICE_ACCOUNT=str(tmp_path / "key.p8"))
    said = (
        f"DJANGO_CIBA['PROMPT_CHANNELS'] holds '{name}', and {packages} cannot be found: "
        f"pip install 'django-ciba[{name}]'."
    )
    assert heard() == [("E020", said)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"VAPID_PRIVATE_KEY": None}, "DJANGO_CIBA['VAPID_PRIVATE_KEY'] is not set, and"),
        (
            {"VAPID_PRIVATE_KEY": "x" * 44},
            "DJANGO_CIBA['VAPID_PRIVATE_KEY'] is no key as manage.py ciba_webpush_key prints it",
        ),
        ({"VAPID_PRIVATE_KEY": "A" * 43}, "is no key as manage.py ciba_webpush_key prints it"),
        ({"VAPID_CONTACT": None}, "DJANGO_CIBA['VAPID_CONTACT'] is not set, and 'webpush' needs"),
        ({"VAPID_CONTACT": "ops@example.com"}, "must begin with mailto: or https://"),
        ({"VAPID_CONTACT": "mailto:ops"}, "must begin with mailto: or https://"),
        ({"VAPID_CONTACT": "https://"}, "must begin with mailto: or https://"),
    ],
)
def test_web_push_that_is_not_set_up_is_said(
    site: Configure, changes: dict[str, Any], said: str
) -> None:
    site(**changes)
    ((number, message),) = heard()
    assert number == "E021"
    assert said in message
    assert "x" * 44 not in message


@pytest.mark.parametrize("wrong", [-1, b"x", {}, [None]])
def test_a_value_of_another_type_stops_no_check(site: Configure, wrong: Any) -> None:
    names = ("VAPID_PRIVATE_KEY", "VAPID_CONTACT", "FCM_SERVICE_ACCOUNT", "SMS_BACKEND")
    channels = ["webpush", "fcm", "apns", "sms"]
    site(PROMPT_CHANNELS=channels, **dict.fromkeys((*names, *apns.SETTINGS), wrong))
    assert {number for number, _ in heard()} <= OURS


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "DJANGO_CIBA['FCM_SERVICE_ACCOUNT'] is not set, and 'fcm' needs it."),
        ("/no/such/file", "is not a file that this process can read."),
        ("empty", "is not the file of a service account's key."),
    ],
)
def test_fcm_that_is_not_set_up_is_said(
    site: Configure, tmp_path: Path, value: str | None, said: str
) -> None:
    path = str(tmp_path / "empty") if value == "empty" else value
    site(PROMPT_CHANNELS=["fcm"], FCM_SERVICE_ACCOUNT=path)
    ((number, message),) = heard()
    assert number == "E022"
    assert message.endswith(said)


@pytest.mark.parametrize("name", apns.SETTINGS)
def test_apns_that_is_half_set_up_is_said(site: Configure, name: str) -> None:
    site(**{name: None})
    assert heard() == [("E022", f"DJANGO_CIBA['{name}'] is not set, and 'apns' needs it.")]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/no/such/file", "is not a file that this process can read."),
        (__file__, "is not a key (.p8) of Apple's."),
    ],
)
def test_a_key_of_apples_that_cannot_be_used_is_said(site: Configure, path: str, said: str) -> None:
    site(APNS_KEY_FILE=path)
    assert heard() == [("E022", f"DJANGO_CIBA['APNS_KEY_FILE'] {said}")]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (None, "DJANGO_CIBA['SMS_BACKEND'] is not set, and 'sms' needs it."),
        ("no.such.Gateway", "cannot be imported: No module named 'no'."),
        (f"{HERE}.Configure", "is not a subclass of django_ciba.prompts.sms.SmsBackend."),
        (f"{HERE}.Unfinished", "does not say what send does."),
    ],
)
def test_text_messages_that_are_not_set_up_are_said(
    site: Configure, path: str | None, said: str
) -> None:
    site(SMS_BACKEND=path)
    ((number, message),) = heard()
    assert number == "E023"
    assert message.endswith(said)


# Django 6.1 has MAILERS, and warns of what they replace.
MAIL = [
    ({"MAILERS": {"default": {"BACKEND": SMTP}}}, True),
    ({"MAILERS": {"default": {"BACKEND": SMTP, "OPTIONS": {"timeout": 10}}}}, False),
    ({"MAILERS": {"default": {"BACKEND": "site.mail.Backend"}}}, False),
]
if django.VERSION < (6, 1):
    MAIL += [
        ({"EMAIL_BACKEND": SMTP}, True),
        ({"EMAIL_BACKEND": SMTP, "EMAIL_TIMEOUT": 10}, False),
        ({"EMAIL_BACKEND": "site.mail.Backend"}, False),
    ]


@pytest.mark.parametrize(("mail", "hears"), MAIL)
def test_mail_that_can_hold_a_worker_for_ever_is_said(
    site: Configure, settings: Any, mail: dict[str, Any], hears: bool
) -> None:
    for name, value in mail.items():
        setattr(settings, name, value)
    said = heard()
    assert [number for number, _ in said] == (["W075"] if hears else [])
    assert all("without a time limit" in message for _, message in said)
    assert heard(deploy=False) == []
    site(PROMPT_CHANNELS=["sms"])
    assert heard() == []


WITHOUT_EXTRAS = """
import sys
for name in ("http_ece", "py_vapid", "google", "h2"):
    sys.modules[name] = None
import django
from django.conf import settings
django.setup()
settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "PROMPT_CHANNELS": ["webpush", "fcm", "apns"]}
from django.core.management import call_command
from django_ciba.prompts import channel, reachable_channels
print([reachable_channels(None), channel("webpush").set_up_problem() is None])
call_command("check")
"""


@pytest.mark.slow
def test_without_any_extra_all_is_imported_and_the_checks_say_what_is_missing(
    tmp_path: Path,
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "CIBA_VAR": str(tmp_path)},
        cwd=ROOT,
        check=False,
    )
    assert ran.stdout == "[[], False]\n"
    assert ran.returncode == 1
    assert ran.stderr.count("(django_ciba.E020)") == 3
    for extra in ("webpush", "fcm", "apns"):
        assert f"pip install 'django-ciba[{extra}]'" in ran.stderr
