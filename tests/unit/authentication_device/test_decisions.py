"""A request's own page: who may see it, and what counts as an answer."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import AbstractBaseUser, User
from django.test import Client
from django.utils import timezone

from django_ciba.hooks import CibaHooks
from django_ciba.models import AuthenticationRequest
from tests.unit.authentication_device import arrange
from tests.unit.authentication_device.conftest import signed_in

pytestmark = pytest.mark.django_db

Answer, Status = AuthenticationRequest.Answer, AuthenticationRequest.Status


class LockedOut(CibaHooks):
    def may_sign_in(self, user: AbstractBaseUser) -> bool:
        return False


class AnsweredMeanwhile(CibaHooks):
    """Another tab's denial lands between the page's reading and its writing."""

    def may_sign_in(self, user: AbstractBaseUser) -> bool:
        AuthenticationRequest.objects.filter(answer="").update(
            status=Status.DENIED, answer=Answer.DENIED, answered_at=timezone.now(), step=1
        )
        return True


def page(found: AuthenticationRequest) -> str:
    return f"/ciba/requests/{found.public_id}/"


def answered(browser: Client, found: AuthenticationRequest, verdict: str = "approved") -> Any:
    return browser.post(page(found), {"verdict": verdict})


def stored(found: AuthenticationRequest) -> AuthenticationRequest:
    return AuthenticationRequest.objects.get(pk=found.pk)


def without_token(answer: Any) -> str:
    return re.sub(r'value="\w{64}"', "", answer.content.decode())


def assert_untouched(found: AuthenticationRequest) -> None:
    now = stored(found)
    assert (now.status, now.answer, now.answered_at) == (Status.PENDING, "", None)


# --- what is shown -----------------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "8")
@pytest.mark.requirement("FAPI 1.0 Baseline", "5.2.2", "17")
def test_the_page_says_who_asks_for_what_and_by_when(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice, scope="openid email accounts:read", acr="push", seconds=90)
    text = browser.get(page(found)).content.decode()
    assert "<bdi>Example Bank</bdi> asks for your approval</h1>" in text
    assert "Allow ExampleBank to transfer £50 from &#x27;Main&#x27; to &#x27;Savings&#x27;?" in text
    assert "who you are" in text
    assert "your e-mail address" in text
    assert '<code dir="auto">accounts:read</code>' in text
    assert '<code dir="auto">push</code>' in text
    assert 'role="timer"' in text
    assert "1:30" in text or "1:29" in text


def test_client_name_message_and_scope_are_text_never_markup(browser: Client, alice: User) -> None:
    evil = "<script>alert(1)</script>\" onclick='x"
    found = arrange.waiting(
        alice,
        by=arrange.client(evil, "evil"),
        binding_message=evil,
        scope="openid <b>&amp;",
        acr="<i>",
    )
    for address in (page(found), f"{page(found)}card/", "/ciba/"):
        text = browser.get(address).content.decode()
        for wrong in ("<script>alert", "<b>", "<i>", '" onclick', "' onclick", "onclick='"):
            assert wrong not in text, address
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot; onclick=&#x27;x" in text


def test_the_binding_message_is_not_translated(browser: Client, alice: User) -> None:
    """Django itself knows a French word for this one."""
    found = arrange.waiting(alice, binding_message="Yesterday")
    text = browser.get(page(found), headers={"accept-language": "fr"}).content.decode()
    assert '<html lang="fr" dir="ltr">' in text
    assert "<bdi>Yesterday</bdi>" in text


def test_a_right_to_left_language_turns_the_page(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice)
    text = browser.get(page(found), headers={"accept-language": "ar"}).content.decode()
    assert '<html lang="ar" dir="rtl">' in text
    assert '<blockquote dir="auto">' in text


# --- who may see it ----------------------------------------------------------------------------


def test_without_a_login_the_page_sends_to_the_login_and_back(alice: User) -> None:
    found = arrange.waiting(alice)
    answer = Client().get(page(found))
    assert answer.status_code == 302
    assert answer["Location"] == f"/accounts/login/?next={page(found)}"


def test_an_answer_without_a_login_is_not_taken_and_leads_to_the_login(alice: User) -> None:
    """By a link: a redirect of a form to a login elsewhere is what our form-action forbids."""
    found = arrange.waiting(alice)
    answer = answered(Client(), found)
    assert answer.status_code == 403
    text = answer.content.decode()
    assert "What you sent was not taken. Sign in, and send it again." in text
    assert f'href="/accounts/login/?next={page(found)}"' in text
    assert "Example Bank" not in text
    assert_untouched(found)


def test_nor_on_a_site_that_asks_for_a_login_everywhere(alice: User, settings: Any) -> None:
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    found = arrange.waiting(alice)
    assert answered(Client(), found).status_code == 403
    assert Client().get(page(found))["Location"] == f"/accounts/login/?next={page(found)}"
    assert signed_in(alice).get(page(found)).status_code == 200


def test_another_users_request_is_not_there(browser: Client, alice: User, bob: User) -> None:
    found = arrange.waiting(bob)
    unknown = browser.get(f"/ciba/requests/{uuid.uuid4()}/")
    others = browser.get(page(found))
    assert (unknown.status_code, others.status_code) == (404, 404)
    assert without_token(others) == without_token(unknown)
    assert "Nothing of that name was asked of <bdi>alice</bdi>" in others.content.decode()
    assert browser.get(f"{page(found)}card/").status_code == 404
    assert browser.get(f"{page(found)}waiting.json").json()["waiting"] == []


@pytest.mark.requirement("CIBA Core", "8")
@pytest.mark.parametrize("verdict", ["approved", "denied"])
def test_another_users_request_cannot_be_answered(browser: Client, bob: User, verdict: str) -> None:
    found = arrange.waiting(bob)
    assert answered(browser, found, verdict).status_code == 404
    assert_untouched(found)


def test_a_request_not_yet_put_before_its_user_is_not_there(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice, prompted_at=None, prompt_until=None)
    assert browser.get(page(found)).status_code == 404
    assert answered(browser, found).status_code == 404
    assert_untouched(found)


# --- what is no answer -------------------------------------------------------------------------


def test_a_get_changes_nothing_whatever_it_says(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice)
    tried = browser.get(page(found), {"verdict": "approved"})
    assert tried.status_code == 400
    assert "An address alone answers nothing." in tried.content.decode()
    assert browser.head(page(found)).status_code == 200
    assert_untouched(found)


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options"])
def test_only_a_post_answers(browser: Client, alice: User, method: str) -> None:
    found = arrange.waiting(alice)
    answer = getattr(browser, method)(page(found), data="verdict=approved")
    assert answer.status_code == 405
    assert answer["Allow"] == "GET, HEAD, POST"
    assert_untouched(found)


def test_an_answer_needs_the_pages_csrf_token(alice: User) -> None:
    browser = signed_in(alice, enforce_csrf_checks=True)
    found = arrange.waiting(alice)
    assert answered(browser, found).status_code == 403
    assert_untouched(found)
    browser.get(page(found))
    token = browser.cookies["csrftoken"].value
    answer = browser.post(page(found), {"verdict": "approved", "csrfmiddlewaretoken": token})
    assert answer.status_code == 303
    assert stored(found).answer == Answer.APPROVED


def test_csrf_is_checked_on_a_site_without_the_middleware(alice: User, settings: Any) -> None:
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if "Csrf" not in each]
    found = arrange.waiting(alice)
    assert answered(signed_in(alice, enforce_csrf_checks=True), found).status_code == 403
    assert_untouched(found)


def test_our_referrer_policy_lets_djangos_check_on_https_pass(alice: User) -> None:
    """Same-origin sends the Referer to our own forms; a foreign one is refused."""
    browser = signed_in(alice, enforce_csrf_checks=True)
    found = arrange.waiting(alice)
    shown = browser.get(page(found), secure=True)
    assert shown["Referrer-Policy"] == "same-origin"
    form = {"verdict": "denied", "csrfmiddlewaretoken": browser.cookies["csrftoken"].value}
    without = browser.post(page(found), form, secure=True)
    assert without.status_code == 403
    foreign = browser.post(
        page(found), form, secure=True, headers={"referer": "https://elsewhere.example/"}
    )
    assert foreign.status_code == 403
    assert_untouched(found)
    ours = browser.post(
        page(found), form, secure=True, headers={"referer": f"https://testserver{page(found)}"}
    )
    assert ours.status_code == 303


@pytest.mark.parametrize(
    "form",
    [{}, {"verdict": ""}, {"verdict": "yes"}, {"verdict": ["approved", "denied"]}],
    ids=["none", "empty", "unknown", "both"],
)
def test_an_answer_that_names_no_verdict_is_refused(
    browser: Client, alice: User, form: dict[str, Any]
) -> None:
    found = arrange.waiting(alice)
    answer = browser.post(page(found), form)
    assert answer.status_code == 400
    assert "Nothing has been answered yet. Choose Deny or Approve." in answer.content.decode()
    assert_untouched(found)


def test_a_form_without_a_verdict_hears_what_came_of_a_request_that_is_over(
    browser: Client, alice: User
) -> None:
    expired, denied = arrange.waiting(alice, seconds=-1), arrange.waiting(alice)
    answered(browser, denied, "denied")
    for found, says in ((expired, "<h1>Time ran out</h1>"), (denied, "<h1>Denied</h1>")):
        answer = browser.post(page(found), {})
        assert answer.status_code == 400
        text = answer.content.decode()
        assert says in text
        assert 'name="verdict"' not in text
        assert "Your answer" not in text


# --- answers -----------------------------------------------------------------------------------


@pytest.mark.requirement("CIBA Core", "8")
@pytest.mark.requirement("FAPI 1.0 Baseline", "5.2.2", "12")
def test_an_approval_is_recorded_and_confirmed(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice)
    answer = answered(browser, found)
    assert (answer.status_code, answer["Location"]) == (303, page(found))
    now = stored(found)
    assert (now.status, now.answer, now.amr) == (Status.AUTHORIZED, Answer.APPROVED, ["pwd"])
    text = browser.get(page(found)).content.decode()
    assert "<h1>Approved</h1>" in text
    assert "You can close this page." in text


@pytest.mark.requirement("CIBA Core", "8")
def test_a_denial_is_recorded_and_confirmed(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice)
    assert answered(browser, found, "denied").status_code == 303
    now = stored(found)
    assert (now.status, now.answer, now.authenticated_at) == (Status.DENIED, Answer.DENIED, None)
    text = browser.get(page(found)).content.decode()
    assert "<h1>Denied</h1>" in text
    assert "<bdi>Example Bank</bdi> was refused" in text


def test_auth_time_is_when_the_session_began_not_when_it_answered(
    alice: User,
) -> None:
    with time_machine.travel("2026-11-23T08:00:00Z", tick=False) as clock:
        browser, login = signed_in(alice), timezone.now()
        clock.shift(timedelta(minutes=5))
        signed_in(alice)  # a later login, on another device
        found = arrange.waiting(alice)
        clock.shift(timedelta(seconds=20))
        answered(browser, found)
    assert stored(found).authenticated_at == login


def test_the_same_answer_twice_is_one_answer(browser: Client, alice: User) -> None:
    """A double click shows the second reply: it must not look like an error."""
    found = arrange.waiting(alice)
    answered(browser, found)
    first = stored(found)
    again = answered(browser, found)
    assert (again.status_code, again["Location"]) == (303, page(found))
    now = stored(found)
    assert (now.step, now.answered_at) == (first.step, first.answered_at)


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [("approved", "denied", "Approved"), ("denied", "approved", "Denied")],
)
def test_a_second_different_answer_is_refused_and_says_which_counted(
    browser: Client, alice: User, first: str, second: str, says: str
) -> None:
    found = arrange.waiting(alice)
    answered(browser, found, first)
    before = stored(found)
    other_tab = answered(browser, found, second)
    assert other_tab.status_code == 409
    text = other_tab.content.decode()
    assert "You had answered this before. What you chose just now changed nothing." in text
    assert f"<h1>{says}</h1>" in text
    now = stored(found)
    assert (now.status, now.answer, now.step) == (before.status, first, before.step)


@pytest.mark.parametrize(("verdict", "status"), [("approved", 409), ("denied", 303)])
def test_of_two_answers_at_once_the_first_counts(
    browser: Client, alice: User, settings: Any, verdict: str, status: int
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "HOOKS": f"{__name__}.AnsweredMeanwhile"}
    found = arrange.waiting(alice)
    answer = answered(browser, found, verdict)
    assert answer.status_code == status
    assert stored(found).answer == Answer.DENIED
    if status == 409:
        assert "<h1>Denied</h1>" in answer.content.decode()


@pytest.mark.parametrize("verdict", ["approved", "denied"])
def test_an_answer_after_the_time_ran_out_is_refused(
    browser: Client, alice: User, verdict: str
) -> None:
    found = arrange.waiting(alice, seconds=-1)
    answer = answered(browser, found, verdict)
    assert answer.status_code == 410
    text = answer.content.decode()
    assert "Your answer came too late and was not taken." in text
    assert "<h1>Time ran out</h1>" in text
    assert "start again at <bdi>Example Bank</bdi>" in text
    assert_untouched(found)


def test_the_last_moment_counts_and_the_next_does_not(browser: Client, alice: User) -> None:
    with time_machine.travel("2026-11-23T08:00:00Z", tick=False) as clock:
        early, late = (arrange.waiting(alice, seconds=60) for _ in range(2))
        clock.shift(timedelta(seconds=60) - timedelta(microseconds=1))
        browser.force_login(alice)
        assert answered(browser, early).status_code == 303
        clock.shift(timedelta(microseconds=1))
        assert answered(browser, late).status_code == 410
    assert stored(early).answer == Answer.APPROVED
    assert_untouched(late)


def test_an_answer_to_a_withdrawn_request_is_refused(browser: Client, alice: User) -> None:
    found = arrange.waiting(alice)
    assert AuthenticationRequest.objects.cancel(found.pk, timezone.now())
    answer = answered(browser, found)
    assert answer.status_code == 410
    text = answer.content.decode()
    assert "This no longer waits for an answer, so yours was not taken." in text
    assert "<h1>Withdrawn</h1>" in text
    now = stored(found)
    assert (now.status, now.answer) == (Status.CANCELLED, "")


def test_a_locked_user_cannot_answer(browser: Client, alice: User, settings: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "HOOKS": f"{__name__}.LockedOut"}
    found = arrange.waiting(alice)
    answer = answered(browser, found)
    assert answer.status_code == 403
    text = answer.content.decode()
    assert "Your account may not be used now" in text
    assert "Another request is waiting" not in text
    assert_untouched(found)


# --- what came of it ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "seconds", "fields"),
    [
        ("Time ran out", 20, {}),
        ("Time ran out", 20, {"status": Status.FAILED, "ended": 0}),
        ("Time ran out", 120, {"answer": Answer.APPROVED, "expires": -1}),
        ("Withdrawn", 120, {"status": Status.CANCELLED, "ended": 0}),
        ("Not completed", 120, {"status": Status.FAILED, "ended": 0}),
        ("Not completed", 20, {"status": Status.FAILED, "ended": -15}),
        (
            "Not completed",
            120,
            {"status": Status.FAILED, "ended": 0, "answer": Answer.APPROVED},
        ),
        ("Approved", 120, {"answer": Answer.APPROVED}),
    ],
    ids=[
        "expired",
        "expired and failed",
        "approved and then expired",
        "withdrawn",
        "failed",
        "failed before the time ran out",
        "approved and then failed",
        "approved",
    ],
)
def test_a_request_that_is_over_says_what_came_of_it(
    browser: Client, alice: User, says: str, seconds: int, fields: dict[str, Any]
) -> None:
    moment = timezone.now()
    at = {"ended": "ended_at", "expires": "expires_at"}
    values: dict[str, Any] = {
        at.get(name, name): moment + timedelta(seconds=value) if name in at else value
        for name, value in fields.items()
    }
    found = arrange.waiting(alice, now=moment - timedelta(seconds=30), seconds=seconds, **values)
    answer = browser.get(page(found))
    assert answer.status_code == 200
    text = answer.content.decode()
    assert f"<h1>{says}</h1>" in text
    assert 'name="verdict"' not in text
    assert browser.get(f"{page(found)}card/").status_code == 404


def test_the_outcome_points_to_another_request_that_waits(browser: Client, alice: User) -> None:
    first, second = arrange.waiting(alice), arrange.waiting(alice)
    answered(browser, first)
    assert "Another request is waiting" in browser.get(page(first)).content.decode()
    answered(browser, second)
    assert "You can close this page." in browser.get(page(first)).content.decode()
