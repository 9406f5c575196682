"""Who is asked too often is not asked: every limit at its boundary, with one answer for all."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_ciba.due import run_due
from django_ciba.journeys import report
from django_ciba.models import (
    AuditEvent,
    AuthenticationRequest,
    Delivery,
    MutedClient,
    PromptLimits,
    Realm,
    UserCode,
)
from tests.conformance.conftest import RelyingParties
from tests.conformance.wire import at
from tests.provider import approve, deny, find, make_user
from tests.relying_party import Answer, RelyingParty

pytestmark = pytest.mark.requirement("CIBA Core", "13")

REFUSAL = {
    "error": "access_denied",
    "error_description": "this user is not to be asked now; ask again later",
}
NO_LIMIT = 1000


@pytest.fixture(autouse=True)
def limits(realm: Realm) -> Any:
    """Sets the limits that a test is about; all others are out of its way."""
    names = (
        "open_prompts_per_user",
        "open_prompts_per_client",
        "prompts_per_user",
        "denials_before_cool_down",
    )

    def chosen(**settings: int) -> None:
        realm.settings = {**dict.fromkeys(names, NO_LIMIT), **settings}
        realm.save()

    chosen()
    return chosen


def assert_asked(answer: Answer) -> str:
    assert answer.status_code == 200, answer.content
    return str(answer.json()["auth_req_id"])


def assert_refused(answer: Answer, limit: str) -> None:
    """The one refusal, of which the client learns nothing and the operator the reason."""
    assert answer.status_code == 403
    assert answer.json() == REFUSAL
    event = AuditEvent.objects.filter(event="limit_reached").latest("pk")
    assert event.detail == {"limit": limit}
    assert event.public_id is None


# --- how many wait ------------------------------------------------------------------------------


def test_one_client_has_so_many_open_requests_for_one_user(rp: RelyingParty, limits: Any) -> None:
    limits(open_prompts_per_client=2)
    assert_asked(rp.authenticate())
    assert_asked(rp.authenticate())
    assert_refused(rp.authenticate(), "open_prompts_per_client")
    assert AuthenticationRequest.objects.count() == Delivery.objects.count() == 2
    make_user("bob")
    assert_asked(rp.authenticate(login_hint="bob"))


def test_all_clients_together_have_so_many_open_requests_for_one_user(
    relying_party: RelyingParties, limits: Any
) -> None:
    limits(open_prompts_per_user=3, open_prompts_per_client=2)
    shop, bank = relying_party(), relying_party(client_id="bank")
    for rp in (shop, bank, shop):
        assert_asked(rp.authenticate())
    assert_refused(bank.authenticate(), "open_prompts_per_user")
    assert_refused(shop.authenticate(), "open_prompts_per_client")


@pytest.mark.parametrize("end", ["approve", "deny", "cancel"])
def test_a_request_that_has_ended_makes_room(rp: RelyingParty, limits: Any, end: str) -> None:
    limits(open_prompts_per_client=1)
    auth_req_id = assert_asked(rp.authenticate())
    assert_refused(rp.authenticate(), "open_prompts_per_client")
    {"approve": approve, "deny": deny, "cancel": rp.cancel}[end](auth_req_id)
    assert_asked(rp.authenticate())


def test_a_request_that_has_expired_makes_room(rp: RelyingParty, limits: Any) -> None:
    limits(open_prompts_per_client=1)
    with at(0):
        assert_asked(rp.authenticate())
    with at(599):
        assert_refused(rp.authenticate(), "open_prompts_per_client")
    with at(600):
        assert_asked(rp.authenticate())


def test_requests_for_nobody_are_not_counted(relying_party: RelyingParties, limits: Any) -> None:
    limits(open_prompts_per_client=1, prompts_per_user=1)
    rp = relying_party(hide_unknown_users=True)
    for _ in range(3):
        assert_asked(rp.authenticate(login_hint="nobody"))


# --- how many in a window -----------------------------------------------------------------------


@pytest.mark.parametrize("end", ["approve", "deny", "cancel", None])
def test_a_user_is_asked_so_often_in_a_window_whatever_became_of_it(
    rp: RelyingParty, limits: Any, end: str | None
) -> None:
    limits(prompts_per_user=2, prompt_window=60)
    with at(0):
        first = assert_asked(rp.authenticate())
        if end:
            {"approve": approve, "deny": deny, "cancel": rp.cancel}[end](first)
    with at(30):
        assert_asked(rp.authenticate())
    with at(59):
        assert_refused(rp.authenticate(), "prompts_per_user")
    with at(60):
        assert_asked(rp.authenticate())
        assert_refused(rp.authenticate(), "prompts_per_user")


def test_what_was_refused_does_not_count(rp: RelyingParty, limits: Any) -> None:
    limits(prompts_per_user=1, prompt_window=60)
    with at(0):
        assert_asked(rp.authenticate())
    with at(59):
        assert_refused(rp.authenticate(), "prompts_per_user")
    with at(60):
        assert_asked(rp.authenticate())


def test_a_short_request_counts_after_it_has_expired(rp: RelyingParty, limits: Any) -> None:
    limits(prompts_per_user=1, prompt_window=60)
    with at(0):
        assert_asked(rp.authenticate(requested_expiry=10))
    with at(59):
        assert_refused(rp.authenticate(), "prompts_per_user")


# --- after denials ------------------------------------------------------------------------------


def denied_at(rp: RelyingParty, seconds: float) -> None:
    with at(seconds):
        deny(assert_asked(rp.authenticate()))


def test_so_many_denials_of_one_client_cool_it_down(
    relying_party: RelyingParties, limits: Any
) -> None:
    limits(denials_before_cool_down=3, cool_down=100)
    shop, bank = relying_party(), relying_party(client_id="bank")
    for seconds in (0, 10, 20):
        denied_at(shop, seconds)
    with at(99):
        assert_refused(shop.authenticate(), "cool_down")
        assert_asked(bank.authenticate())
        make_user("bob")
        assert_asked(shop.authenticate(login_hint="bob"))
    with at(100):
        assert_asked(shop.authenticate())


def test_one_denial_fewer_does_not(rp: RelyingParty, limits: Any) -> None:
    limits(denials_before_cool_down=3, cool_down=100)
    denied_at(rp, 0)
    denied_at(rp, 10)
    with at(20):
        assert_asked(rp.authenticate())


# --- muted --------------------------------------------------------------------------------------


def test_a_muted_client_does_not_ask_until_then(
    rp: RelyingParty, alice: AbstractBaseUser, limits: Any
) -> None:
    with at(0):
        now = timezone.now()
    until = now + timedelta(seconds=60)
    MutedClient.objects.mute(alice, rp.client, because="muted", now=now, until=until)
    with at(59):
        assert_refused(rp.authenticate(), "muted")
    with at(60):
        assert_asked(rp.authenticate())


def test_a_client_muted_for_good_asks_when_it_is_let_again(
    relying_party: RelyingParties, alice: AbstractBaseUser
) -> None:
    shop, bank = relying_party(), relying_party(client_id="bank")
    MutedClient.objects.mute(alice, shop.client, because="muted", now=timezone.now(), until=None)
    assert_refused(shop.authenticate(), "muted")
    assert_asked(bank.authenticate())
    assert MutedClient.objects.unmute(alice, shop.client)
    assert_asked(shop.authenticate())


def test_a_report_keeps_its_client_away(rp: RelyingParty) -> None:
    auth_req_id = assert_asked(rp.authenticate())
    assert report(find(auth_req_id), now=timezone.now())
    assert rp.poll(auth_req_id).json()["error"] == "access_denied"
    assert_refused(rp.authenticate(), "muted")


def test_the_tokens_of_a_reported_request_are_worth_nothing(rp: RelyingParty) -> None:
    auth_req_id = assert_asked(rp.authenticate())
    approve(auth_req_id)
    tokens = rp.poll(auth_req_id).json()
    assert rp.userinfo(tokens["access_token"]).status_code == 200
    report(find(auth_req_id), now=timezone.now())
    assert rp.userinfo(tokens["access_token"]).status_code == 401
    assert rp.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_an_approval_that_is_reported_before_the_poll_gives_no_tokens(rp: RelyingParty) -> None:
    auth_req_id = assert_asked(rp.authenticate())
    approve(auth_req_id)
    report(find(auth_req_id), now=timezone.now())
    answer = rp.poll(auth_req_id)
    assert (answer.status_code, answer.json()["error"]) == (400, "access_denied")


# --- what others learn of it --------------------------------------------------------------------


def test_a_client_that_must_not_learn_who_exists_is_answered_like_any_other(
    relying_party: RelyingParties, limits: Any
) -> None:
    limits(open_prompts_per_client=1)
    rp = relying_party(hide_unknown_users=True)
    with at(0):
        first, second, nobody = (
            rp.authenticate(login_hint=hint) for hint in ("alice", "alice", "nobody")
        )
    told = [
        (each.status_code, sorted(each.json()), each.json()["expires_in"])
        for each in (first, second, nobody)
    ]
    assert told[0] == told[1] == told[2]
    row = find(second.json()["auth_req_id"])
    assert row.user is None
    assert AuthenticationRequest.objects.filter(user__isnull=False).count() == 1
    assert Delivery.objects.count() == 1
    for seconds in (1, 9, 300, 599):
        with at(seconds):
            run_due(timezone.now())
            polls = [rp.poll(each.json()["auth_req_id"]) for each in (second, nobody)]
            assert polls[0].json() == polls[1].json()
            assert polls[0].json()["error"] == "authorization_pending"
    with at(600):
        assert rp.poll(second.json()["auth_req_id"]).json()["error"] == "expired_token"
    assert AuditEvent.objects.filter(event="limit_reached").count() == 1


def test_one_limit_is_written_down_once_in_a_window(
    relying_party: RelyingParties, limits: Any
) -> None:
    limits(open_prompts_per_client=1, prompt_window=60)
    shop, bank = relying_party(), relying_party(client_id="bank")
    with at(0):
        for rp in (shop, bank):
            assert_asked(rp.authenticate())
            for _ in range(3):
                assert_refused(rp.authenticate(), "open_prompts_per_client")
    events = AuditEvent.objects.filter(event="limit_reached")
    clients = [shop.client.pk, bank.client.pk]
    assert sorted(events.values_list("client_id", flat=True)) == sorted(clients)
    with at(60):
        assert_refused(shop.authenticate(), "open_prompts_per_client")
    assert events.count() == 3


def test_a_wrong_user_code_is_refused_before_any_limit(
    relying_party: RelyingParties, limits: Any
) -> None:
    """Else somebody without the code could learn that its user is asked a lot."""
    limits(open_prompts_per_client=1)
    rp = relying_party(backchannel_user_code_parameter=True)
    kept = UserCode(user_id=make_user("carol").pk)
    kept.set_code("1357")
    kept.save()
    assert_asked(rp.authenticate(login_hint="carol", user_code="1357"))
    answer = rp.authenticate(login_hint="carol", user_code="wrong")
    assert answer.json()["error"] == "invalid_user_code"
    assert_refused(rp.authenticate(login_hint="carol", user_code="1357"), "open_prompts_per_client")


# --- what they are by default, and what they cost -------------------------------------------------


def test_the_defaults_hold(realm: Realm, relying_party: RelyingParties) -> None:
    realm.settings = {}
    realm.save()
    shop, bank = relying_party(), relying_party(client_id="bank")
    for _ in range(3):
        assert_asked(shop.authenticate())
    assert_refused(shop.authenticate(), "open_prompts_per_client")
    for _ in range(2):
        assert_asked(bank.authenticate())
    assert_refused(bank.authenticate(), "open_prompts_per_user")


@pytest.mark.django_db(transaction=True)
def test_a_refusal_costs_no_more_round_trips_than_it_must(
    rp: RelyingParty, limits: Any, settings: Any
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "CONFIGURATION_MAX_AGE": 3600.0}
    limits(open_prompts_per_client=1)
    assert_asked(rp.authenticate())
    assert_refused(rp.authenticate(), "open_prompts_per_client")
    with CaptureQueriesContext(connection) as captured:
        assert rp.authenticate().status_code == 403
    asked = [each["sql"] for each in captured if not each["sql"].startswith(("BEGIN", "COMMIT"))]
    # The user, the insert that was refused, elsewhere than on PostgreSQL why, and its event.
    assert len(asked) == (3 if connection.vendor == "postgresql" else 4), asked


def fill(like: AuthenticationRequest, users: list[int], number: int) -> None:
    """So many more requests for these users; one in a hundred has not expired."""
    sqlite = connection.vendor == "sqlite"
    own = {
        "public_id": "printf('%%032x', i)" if sqlite else "CAST(lpad(i::text, 32, '0') AS uuid)",
        "auth_req_id_digest": "CAST(i AS text)",
        "user_id": f"{users[0]} + i %% {len(users)}",
        "expires_at": "CASE WHEN i %% 100 = 0 THEN expires_at ELSE %s END",
    }
    columns = [str(each.column) for each in AuthenticationRequest._meta.concrete_fields]
    names = [name for name in columns if name != "id"]
    long_ago = connection.ops.adapt_datetimefield_value(like.created_at - timedelta(days=1))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO django_ciba_authenticationrequest ({', '.join(names)}) "  # noqa: S608
            f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number}) "
            f"SELECT {', '.join(own.get(name, name) for name in names)} "
            "FROM django_ciba_authenticationrequest, n WHERE id = %s",
            [long_ago, like.pk],
        )
        cursor.execute("ANALYZE")


def test_limits_are_read_by_one_index_of_a_hundred_thousand_requests(rp: RelyingParty) -> None:
    """Those of one user that have expired lately, or not yet, however many there are besides."""
    like = find(assert_asked(rp.authenticate()))
    users = [int(make_user(f"user-{number}").pk) for number in range(20)]
    assert users == list(range(users[0], users[0] + 20))
    fill(like, users, 100_000)
    user = get_user_model()._default_manager.get(pk=users[7])
    limits = PromptLimits.of(rp.client.realm.conf)
    guard = limits.guard(user, rp.client.pk, timezone.now(), connection)
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with connection.cursor() as cursor:
        cursor.execute(f"{explain} {guard.select}", list(guard.parameters))
        plan = "\n".join(str(line) for line in cursor.fetchall())
    assert "ciba_request_of_user" in plan, plan
    assert "Seq Scan on django_ciba_authenticationrequest" not in plan
    assert "SCAN django_ciba_authenticationrequest" not in plan
