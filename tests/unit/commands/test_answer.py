"""ciba_answer."""

import logging
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from django_ciba.models import AuthenticationRequest, Realm, secrets
from tests.unit.commands.conftest import Run, Start

STATUS = AuthenticationRequest.Status


def row() -> AuthenticationRequest:
    return AuthenticationRequest.objects.get()


@pytest.mark.parametrize(
    ("verdict", "answer", "status"),
    [("approve", "approved", STATUS.AUTHORIZED), ("deny", "denied", STATUS.DENIED)],
)
def test_an_answer_is_the_users(
    run: Run, start: Start, verdict: str, answer: str, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    auth_req_id = start().auth_req_id
    with caplog.at_level(logging.WARNING, "django_ciba.management"):
        ran = run("ciba_answer", auth_req_id, verdict)
    named = f"request {row().public_id} of client shop"
    assert ran.out == [f"{named}, user alice: {answer}; it is {status} now"]
    assert (row().status, row().answer, row().amr) == (status, answer, [])
    assert caplog.messages == [f"{named} was answered by ciba_answer: {answer}"]
    assert auth_req_id not in caplog.text


def test_an_auth_req_id_may_begin_with_a_dash(run: Run, start: Start) -> None:
    """One in 64 does, and some of them look like options."""
    for name in ("-" + "a" * 42, "-v" + "a" * 41, "--" + "a" * 41, "-h" + "0" * 41):
        AuthenticationRequest.objects.all().delete()
        start()
        AuthenticationRequest.objects.update(auth_req_id_digest=secrets.digest(name))
        assert run("ciba_answer", name, "approve").error == ""
        assert row().status == STATUS.AUTHORIZED


def test_the_first_answer_counts(run: Run, start: Start) -> None:
    auth_req_id = start().auth_req_id
    run("ciba_answer", auth_req_id, "deny")
    ran = run("ciba_answer", auth_req_id, "approve")
    assert ran.out == []
    assert ran.error == (
        f"request {row().public_id} of client shop cannot be answered: it has been answered already"
    )
    assert row().status == STATUS.DENIED


@pytest.mark.parametrize("age", [61, 601])
def test_nothing_is_answered_after_its_time(run: Run, start: Start, age: int) -> None:
    auth_req_id = start(now=timezone.now() - timedelta(seconds=age)).auth_req_id
    ran = run("ciba_answer", auth_req_id, "approve")
    assert ran.error.endswith("cannot be answered: its time, or that of the prompt, has run out")
    assert row().status == STATUS.PENDING


def test_nothing_is_answered_before_the_user_was_asked(run: Run, start: Start) -> None:
    auth_req_id = start().auth_req_id
    AuthenticationRequest.objects.update(prompted_at=None, prompt_until=None)
    ran = run("ciba_answer", auth_req_id, "approve")
    assert ran.error.endswith(
        "its user is not asked here: its journey has sent no prompt, or a passcode for its client"
    )


def test_what_the_client_asks_is_denied_and_not_approved(run: Run, start: Start) -> None:
    auth_req_id = start().auth_req_id
    AuthenticationRequest.objects.update(prompted_at=None)
    assert "a passcode for its client" in run("ciba_answer", auth_req_id, "approve").error
    assert row().status == STATUS.PENDING
    assert not run("ciba_answer", auth_req_id, "deny").error
    assert row().status == STATUS.DENIED


def test_nothing_is_answered_after_the_end(run: Run, start: Start) -> None:
    begun = start()
    AuthenticationRequest.objects.cancel(begun.authentication_request.pk, timezone.now())
    ran = run("ciba_answer", begun.auth_req_id, "approve")
    assert ran.error.endswith("cannot be answered: it has ended")


def test_a_locked_user_is_not_answered_for(run: Run, start: Start, alice: User) -> None:
    auth_req_id = start().auth_req_id
    User.objects.update(is_active=False)
    ran = run("ciba_answer", auth_req_id, "approve")
    assert ran.error.endswith("cannot be answered: its user may not sign in (inactive or locked)")
    assert row().status == STATUS.PENDING


def test_a_request_of_nobody_is_not_answered(run: Run, start: Start) -> None:
    auth_req_id = start(None).auth_req_id
    ran = run("ciba_answer", auth_req_id, "approve")
    assert ran.error.endswith("its hint named nobody, so nobody can answer it")


def test_an_unknown_auth_req_id_is_refused(run: Run, root: Realm) -> None:
    assert run("ciba_answer", "x" * 43, "approve").error.startswith(
        "there is no authentication request of that auth_req_id"
    )


@pytest.mark.django_db
def test_a_verdict_is_approve_or_deny(run: Run) -> None:
    assert "maybe" in run("ciba_answer", "x" * 43, "maybe").error
