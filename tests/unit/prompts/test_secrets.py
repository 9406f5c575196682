"""Prompts that carry a passcode or a link: what they say, and that nothing of it is kept."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.utils import timezone

from django_ciba.due import deliver_task, run_due
from django_ciba.models import AuthenticationRequest, Delivery
from django_ciba.outbox import Withdrawn
from django_ciba.prompts.registry import _prompt
from tests.unit.prompts.conftest import Asked, Configure, sent, the_delivery

PASSCODE = "042137"


def carrying(found: AuthenticationRequest, **carried: str) -> AuthenticationRequest:
    row = Delivery.objects.get(authentication_request=found)
    row.payload = json.dumps(carried)
    row.save()
    return found


def test_a_mail_with_a_passcode_says_where_to_type_it_and_links_nowhere(asked: Asked) -> None:
    sent(carrying(asked(), passcode=PASSCODE))
    (found,) = mail.outbox
    assert found.subject == "The Shop asks for your approval"
    body = str(found.body)
    assert body.startswith(
        "The Shop asks for your approval:\n"
        "\n"
        "    Pay £50 to Example (EB-1)\n"
        "\n"
        "If it is you who started this, open this site yourself, sign in, and type this passcode "
        "there:\n"
        "\n"
        f"    {PASSCODE}\n"
        "\n"
        "Tell it to nobody, and type it nowhere else: nobody of this site asks you for it.\n"
        "\n"
        "You can answer until: "
    )
    assert body.endswith("If you did not expect this, type it nowhere, and deny it on this site.\n")
    assert "://" not in body
    assert "example.com" not in body


AT_CLIENT: Any = {"prompted_at": None}  # the question has been asked, and not in the inbox


def test_a_mail_with_a_passcode_for_the_client_says_whom_to_give_it(asked: Asked) -> None:
    found = carrying(asked(**AT_CLIENT), passcode=PASSCODE)
    sent(found)
    body = str(mail.outbox[0].body)
    assert body.startswith(
        "The Shop asks for your approval:\n"
        "\n"
        "    Pay £50 to Example (EB-1)\n"
        "\n"
        "If it is you who started this, give this passcode to The Shop, and to nobody else:\n"
        "\n"
        f"    {PASSCODE}\n"
        "\n"
        "You can answer until: "
    )
    assert body.endswith(
        "\n\nIf you did not expect this, give it to nobody, and deny it here. That page does not "
        f"ask for it:\nhttps://op.example.com/ciba/requests/{found.public_id}/\n"
    )
    assert "this site" not in body


def test_a_passcode_for_the_page_is_not_for_the_client(asked: Asked, alice: User) -> None:
    row = the_delivery(asked())
    assert not _prompt(row, alice, {"passcode": "1"}, set(), timezone.now()).typed_at_client
    row = the_delivery(asked(**AT_CLIENT))
    assert not _prompt(row, alice, {}, set(), timezone.now()).typed_at_client


def test_a_mail_with_a_link_of_its_own_says_whom_it_is_for(asked: Asked) -> None:
    found = carrying(asked(), link="a-secret")
    sent(found)
    body = str(mail.outbox[0].body)
    assert (
        "Look at it, and approve or deny it here. This link is for you alone, so do not pass this "
        f"message on:\nhttps://op.example.com/ciba/requests/{found.public_id}/link/a-secret/\n"
    ) in body
    assert body.count("://") == 1
    assert "a-secret" not in mail.outbox[0].subject


def test_the_console_prints_a_passcode_without_a_link(
    asked: Asked, site: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    site(PROMPT_CHANNELS=["console"])
    sent(carrying(asked(), passcode=PASSCODE))
    assert capsys.readouterr().out == (
        "[prompt for alice] The Shop asks for your approval: Pay £50 to Example (EB-1) "
        "passcode 042137\n"
    )


# --- what is kept ---------------------------------------------------------------------------------


def raw(found: AuthenticationRequest) -> str:
    """The payload as the database has it."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT payload FROM {Delivery._meta.db_table} WHERE authentication_request_id = %s",  # noqa: S608
            [found.pk],
        )
        return str(cursor.fetchone()[0])


def test_it_is_encrypted_while_it_waits(asked: Asked) -> None:
    found = carrying(asked(), passcode=PASSCODE)
    assert PASSCODE not in raw(found)


def test_nothing_is_kept_of_what_has_gone_out(asked: Asked) -> None:
    found = carrying(asked(), passcode=PASSCODE)
    assert run_due() == 1
    assert (the_delivery(found).state, raw(found)) == ("delivered", "")


def test_nothing_is_kept_of_what_a_cancelled_request_carried(asked: Asked) -> None:
    found = carrying(asked(), passcode=PASSCODE)
    assert Delivery.objects.withdraw_prompts(found.pk, timezone.now(), "the request was cancelled")
    assert (the_delivery(found).state, raw(found)) == ("withdrawn", "")


def test_nothing_is_kept_of_what_nobody_waits_for(asked: Asked) -> None:
    found = carrying(asked(), passcode=PASSCODE)
    AuthenticationRequest.objects.cancel(found.pk, timezone.now())
    run_due()
    assert (the_delivery(found).state, raw(found)) == ("withdrawn", "")


@pytest.mark.parametrize("carried", [{"passcode": PASSCODE}, {"link": "a-secret"}])
def test_a_dead_letter_without_its_secret_is_not_sent_again(
    asked: Asked, alice: User, carried: dict[str, str]
) -> None:
    found = carrying(asked(), **carried)
    User.objects.filter(pk=alice.pk).update(email="")
    assert run_due() == 1
    dead = the_delivery(found)
    assert dead.state == "dead"
    assert json.loads(dead.payload) == {"wiped": True}
    User.objects.filter(pk=alice.pk).update(email="alice@example.com")
    assert Delivery.objects.send_again(timezone.now()) == 1
    assert run_due() == 1
    ended = the_delivery(found)
    assert (ended.state, ended.problem) == (
        "withdrawn",
        "its passcode or link was wiped when it ended: have the client ask again",
    )
    assert (mail.outbox, raw(found)) == ([], "")


def test_a_dead_letter_that_carried_nothing_is_sent_again(asked: Asked, alice: User) -> None:
    found = asked()
    User.objects.filter(pk=alice.pk).update(email="")
    assert run_due() == 1
    assert (the_delivery(found).state, raw(found)) == ("dead", "")
    User.objects.filter(pk=alice.pk).update(email="alice@example.com")
    assert Delivery.objects.send_again(timezone.now()) == 1
    assert run_due() == 1
    assert the_delivery(found).state == "delivered"
    assert len(mail.outbox) == 1


def test_a_secret_whose_key_is_lost_is_wiped_when_it_ends(asked: Asked, settings: Any) -> None:
    found = carrying(asked(), passcode=PASSCODE)
    AuthenticationRequest.objects.filter(pk=found.pk).update(expires_at=timezone.now())
    settings.SECRET_KEY = "another-" + "1" * 40
    deliver_task(the_delivery(found).pk)
    dead = the_delivery(found)
    assert (dead.state, json.loads(dead.payload)) == ("dead", {"wiped": True})


def test_a_prompt_that_is_withdrawn_says_so(asked: Asked) -> None:
    found = carrying(asked(), wiped="x")
    with pytest.raises(Withdrawn, match="its passcode or link was wiped when it ended"):
        sent(found)
