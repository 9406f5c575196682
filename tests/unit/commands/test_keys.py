"""ciba_keys."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import timezone
from pytest_django import Settings

from django_ciba.models import Realm, SigningKey, configuration
from django_ciba.models.secrets import UndecryptableError
from django_ciba.tokens.id_token import signing_key
from tests.unit.commands.conftest import Run

CURRENT, NEXT, RETIRED = SigningKey.State.CURRENT, SigningKey.State.NEXT, SigningKey.State.RETIRED
UNPUBLISHED = "was not published before: relying parties that keep the JWK Set must read it again"


@pytest.fixture(autouse=True)
def no_key_is_too_new(settings: Settings) -> None:
    """Tests of how new a key may be say so themselves."""
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "KEY_PUBLISHED_BEFORE": 0}


def kid(state: str, alg: str = "ES256") -> str:
    """Asked for alone: the private half need not be readable."""
    return SigningKey.objects.values_list("kid", flat=True).get(state=state, alg=alg)


def states(realm: str = "/") -> dict[str, str]:
    return dict(SigningKey.objects.filter(realm__path=realm).values_list("kid", "state"))


def test_list_shows_realm_kid_algorithm_state_and_ages(run: Run, root: Realm) -> None:
    now = timezone.now()
    SigningKey.objects.update(
        created_at=now - timedelta(days=3), activated_at=now - timedelta(hours=5)
    )
    SigningKey.objects.filter(state=NEXT).update(created_at=now, activated_at=None)
    assert run("ciba_keys", "list").out == [
        f"/  {kid(CURRENT)}  ES256  current  made 3 d ago, signing since 5 h ago",
        f"/  {kid(NEXT)}  ES256  next     made just now",
    ]
    run("ciba_keys", "rotate")
    (retired,) = [line for line in run("ciba_keys", "list").out if "  retired  " in line]
    assert retired.endswith("signing since 5 h ago, retired just now")


def test_list_of_one_realm_and_of_nothing(run: Run, root: Realm) -> None:
    run("ciba_import", "-", stdin=b'{"realm": "/alpha"}')
    assert len(run("ciba_keys", "list").out) == 4
    first, second = run("ciba_keys", "list", "--realm", "/alpha").out
    assert first.startswith("/alpha  ")
    assert second.startswith("/alpha  ")
    SigningKey.objects.all().delete()
    assert run("ciba_keys", "list").err == ["no keys"]
    assert run("ciba_keys", "list", "--realm", "/beta").error == (
        'there is no realm "/beta"; there is /, /alpha'
    )


def test_already_the_first_rotation_lets_a_published_key_sign(run: Run, root: Realm) -> None:
    first, second = kid(CURRENT), kid(NEXT)
    ran = run("ciba_keys", "rotate")
    third = kid(NEXT)
    assert ran.out == [
        f"/: ES256: {second} signs now",
        f"/: ES256: {first} is retired, and still published",
        f"/: ES256: {third} is next, and published",
    ]
    ran = run("ciba_keys", "rotate", "--alg", "ES256")
    assert ran.out == [
        f"/: ES256: {third} signs now",
        f"/: ES256: {second} is retired, and still published",
        f"/: ES256: {kid(NEXT)} is next, and published",
    ]
    assert states()[first] == states()[second] == RETIRED
    signing = SigningKey.objects.get(state=CURRENT)
    assert signing.activated_at is not None
    assert signing.activated_at > signing.created_at


def test_rotate_without_a_next_key_says_that_the_new_one_was_not_published(
    run: Run, root: Realm
) -> None:
    old = kid(CURRENT)
    SigningKey.objects.filter(state=NEXT).delete()
    ran = run("ciba_keys", "rotate")
    assert ran.out == [
        f"/: ES256: {kid(CURRENT)} signs now",
        f"/: ES256: {old} is retired, and still published",
        f"/: ES256: {kid(CURRENT)} {UNPUBLISHED}",
        f"/: ES256: {kid(NEXT)} is next, and published",
    ]


def test_rotate_gives_a_realm_without_keys_its_first_ones(run: Run, root: Realm) -> None:
    SigningKey.objects.all().delete()
    assert run("ciba_keys", "rotate").out == [
        f"/: ES256: {kid(CURRENT)} signs now",
        f"/: ES256: {kid(NEXT)} is next, and published",
    ]


def test_rotate_takes_all_algorithms_of_the_realm_or_one(run: Run, root: Realm) -> None:
    run("ciba_import", "-", stdin=b'{"realm":"/","settings":{"signing_algs":["ES256","EdDSA"]}}')
    old = kid(CURRENT, "EdDSA")
    run("ciba_keys", "rotate", "--alg", "ES256")
    assert kid(CURRENT, "EdDSA") == old
    out = run("ciba_keys", "rotate").out
    assert {line.split(": ")[1] for line in out} == {"ES256", "EdDSA"}
    assert kid(CURRENT, "EdDSA") != old


def test_rotate_refuses_an_algorithm_that_the_realm_lacks(run: Run, root: Realm) -> None:
    assert run("ciba_keys", "rotate", "--alg", "RS256").error == (
        "realm / has keys for ES256, not for RS256; its settings signing_algs and "
        "encryption_algs say so"
    )
    assert "HS256" in run("ciba_keys", "rotate", "--alg", "HS256").error
    assert run("ciba_keys", "rotate", "--realm", "/x").error.startswith('there is no realm "/x"')


# --- how long the next key must have been published ----------------------------------------------


@pytest.fixture
def a_day(settings: Settings) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "KEY_PUBLISHED_BEFORE": 86400}


def age(days: float, state: str = NEXT, **of: str) -> None:
    """Have that key been published so long ago."""
    published = timezone.now() - timedelta(days=days)
    SigningKey.objects.filter(state=state, **of).update(created_at=published)


@pytest.mark.usefixtures("a_day")
def test_a_key_that_clients_may_not_have_read_is_not_made_current(run: Run, root: Realm) -> None:
    following, before = SigningKey.objects.get(state=NEXT), states()
    moment = (following.created_at + timedelta(days=1)).isoformat(sep=" ", timespec="seconds")
    ran = run("ciba_keys", "rotate")
    assert ran.error == (
        f"realm /: nothing was rotated. ES256: The next key {following.kid} may sign from {moment};"
        " --now does not wait."
    )
    assert (ran.out, states()) == ([], before)
    assert run("ciba_keys", "list").out[1].endswith(f"made just now, may sign from {moment}")
    age(0.99)
    assert run("ciba_keys", "rotate").error
    assert states() == before
    age(1)
    assert run("ciba_keys", "rotate").error == ""
    assert kid(CURRENT) == following.kid


@pytest.mark.usefixtures("a_day")
def test_a_leaked_key_does_not_wait_and_the_operator_learns_whom_it_meets(
    run: Run, root: Realm
) -> None:
    old, following = kid(CURRENT), kid(NEXT)
    assert run("ciba_keys", "rotate", "--now").out == [
        f"/: ES256: {following} signs now",
        f"/: ES256: {old} is retired, and still published",
        (
            f"/: ES256: {following} was published just now: relying parties that keep the JWK Set "
            "must read it again"
        ),
        f"/: ES256: {kid(NEXT)} is next, and published",
    ]


@pytest.mark.usefixtures("a_day")
def test_all_algorithms_rotate_or_none(run: Run, root: Realm) -> None:
    run("ciba_import", "-", stdin=b'{"realm":"/","settings":{"signing_algs":["ES256","EdDSA"]}}')
    age(2, alg="ES256")
    before = states()
    error = run("ciba_keys", "rotate").error
    assert error.startswith("realm /: nothing was rotated. EdDSA: The next key ")
    assert states() == before
    assert run("ciba_keys", "rotate", "--alg", "ES256").error == ""
    assert states() != before


@pytest.mark.usefixtures("a_day")
def test_a_realm_may_say_how_long_its_clients_keep_the_set(run: Run, root: Realm) -> None:
    run("ciba_import", "-", stdin=b'{"realm": "/", "settings": {"key_published_before": 60}}')
    assert run("ciba_keys", "rotate").error
    age(61 / 86400)
    assert run("ciba_keys", "rotate").error == ""


@pytest.mark.usefixtures("a_day")
def test_without_a_next_key_nothing_signs_that_nobody_has_read(run: Run, root: Realm) -> None:
    SigningKey.objects.filter(state=NEXT).delete()
    before = states()
    assert "No next key that can sign is published" in run("ciba_keys", "rotate").error
    assert states() == before
    run("ciba_import", "-", stdin=b'{"realm": "/"}')
    age(1)
    assert run("ciba_keys", "rotate").error == ""


@pytest.mark.usefixtures("a_day")
def test_a_lost_next_key_is_not_replaced_by_one_that_nobody_has_read(run: Run, root: Realm) -> None:
    age(2)
    SigningKey.objects.filter(state=NEXT).update(private_pem="")
    before = states()
    assert "ciba_keys retire replaces one" in run("ciba_keys", "rotate").error
    assert states() == before


@pytest.mark.usefixtures("a_day", "lost")
def test_where_the_current_key_cannot_sign_there_is_nothing_to_wait_for(run: Run) -> None:
    assert run("ciba_keys", "rotate").error == ""
    assert signs() == kid(CURRENT)


# --- retire --------------------------------------------------------------------------------------


def test_retire_lets_the_next_key_sign_in_place_of_the_current_one(run: Run, root: Realm) -> None:
    old, following = kid(CURRENT), kid(NEXT)
    ran = run("ciba_keys", "retire", old)
    assert ran.out == [
        f"/: ES256: {following} signs now",
        f"/: ES256: {old} is retired, and still published",
        f"/: ES256: {kid(NEXT)} is next, and published",
    ]
    assert states()[old] == RETIRED
    again = run("ciba_keys", "retire", old)
    assert again.out == [f"/: ES256: {old} is retired already; --unpublish deletes it"]
    assert again.error == ""


def test_retire_replaces_a_next_key(run: Run, root: Realm) -> None:
    current, old = kid(CURRENT), kid(NEXT)
    ran = run("ciba_keys", "retire", old)
    assert ran.out == [
        f"/: ES256: {old} is retired, and still published",
        f"/: ES256: {kid(NEXT)} is next, and published",
    ]
    assert (states()[old], kid(CURRENT)) == (RETIRED, current)


def test_a_leaked_key_is_unpublished_in_one_step(run: Run, root: Realm) -> None:
    leaked, following = kid(CURRENT), kid(NEXT)
    assert run("ciba_keys", "retire", leaked, "--unpublish").out == [
        f"/: ES256: {following} signs now",
        f"/: ES256: {kid(NEXT)} is next, and published",
        f"/: ES256: {leaked} is deleted: what it signed cannot be verified any more",
    ]
    assert leaked not in states()
    assert kid(CURRENT) == following
    assert sorted(states().values()) == [CURRENT, NEXT]


def test_an_old_key_is_unpublished_and_nothing_else_happens(run: Run, root: Realm) -> None:
    run("ciba_keys", "rotate")
    old = kid(RETIRED)
    assert len(run("ciba_keys", "retire", old, "--unpublish").out) == 1
    assert sorted(states().values()) == [CURRENT, NEXT]


@pytest.mark.parametrize("state", [CURRENT, NEXT])
def test_a_key_of_an_algorithm_that_was_given_up_is_not_replaced(
    run: Run, root: Realm, state: str
) -> None:
    old = kid(state)
    run("ciba_import", "-", stdin=b'{"realm": "/", "settings": {"signing_algs": ["EdDSA"]}}')
    assert run("ciba_keys", "retire", old).out == [
        f"/: ES256: {old} is retired, and still published"
    ]
    (other,) = {CURRENT, NEXT} - {state}
    of_alg = SigningKey.objects.filter(alg="ES256")
    assert sorted(of_alg.values_list("state", flat=True)) == sorted([other, RETIRED])


def test_an_algorithm_that_is_taken_up_again_signs_with_its_published_key(
    run: Run, root: Realm
) -> None:
    following = kid(NEXT)
    run("ciba_import", "-", stdin=b'{"realm": "/", "settings": {"signing_algs": ["EdDSA"]}}')
    run("ciba_keys", "retire", kid(CURRENT))
    again = b'{"realm": "/", "settings": {"signing_algs": ["ES256"]}}'
    assert run("ciba_import", "-", stdin=again).out[1:] == [
        "/: signing key ES256: the next one signs now",
        "/: next signing key ES256: created",
    ]
    assert kid(CURRENT) == following


def test_a_key_id_may_begin_with_a_dash(run: Run, root: Realm) -> None:
    SigningKey.objects.filter(state=CURRENT).update(kid="-v" + "k" * 41)
    assert run("ciba_keys", "retire", "-v" + "k" * 41).error == ""
    assert states()["-v" + "k" * 41] == RETIRED


def test_an_unknown_key_is_refused(run: Run, root: Realm) -> None:
    assert run("ciba_keys", "retire", "nothing").error == (
        "there is no key nothing; ciba_keys list shows all"
    )


def test_a_key_id_of_two_realms_needs_the_realm(run: Run, root: Realm) -> None:
    run("ciba_import", "-", stdin=b'{"realm": "/alpha"}')
    SigningKey.objects.filter(state=CURRENT).update(kid="same")
    assert run("ciba_keys", "retire", "same").error == (
        "same is in more than one realm (/, /alpha): say --realm"
    )
    assert run("ciba_keys", "retire", "same", "--realm", "/alpha").error == ""
    assert states("/")["same"] == CURRENT
    assert states("/alpha")["same"] == RETIRED


# --- keys whose private half is lost --------------------------------------------------------------


@pytest.fixture
def lost(root: Realm) -> Iterator[None]:
    """What was encrypted before can no longer be decrypted."""
    conf = {**settings.DJANGO_CIBA, "ENCRYPTION_KEYS": ["another key altogether"]}
    with override_settings(DJANGO_CIBA=conf):
        with pytest.raises(UndecryptableError):
            _ = SigningKey.objects.get(state=CURRENT).private_pem
        yield


def signs() -> str:
    """The key that an ID token is signed with now."""
    return signing_key(configuration().realms()["/"], "ES256").kid


@pytest.mark.usefixtures("lost")
def test_a_lost_key_is_listed_and_removed(run: Run) -> None:
    gone = kid(CURRENT)
    assert gone in run("ciba_keys", "list").out[0]
    assert run("ciba_keys", "retire", gone, "--unpublish").error == ""
    assert gone not in states()


@pytest.mark.usefixtures("lost")
@pytest.mark.parametrize("argv", [("rotate",), ("retire",)])
def test_a_lost_next_key_is_passed_over(run: Run, argv: tuple[str, ...]) -> None:
    current, following = kid(CURRENT), kid(NEXT)
    if argv == ("retire",):
        argv = ("retire", current)
    assert run("ciba_keys", *argv).out == [
        f"/: ES256: {kid(CURRENT)} signs now",
        f"/: ES256: {current} is retired, and still published",
        (
            f"/: ES256: {following} was next and cannot be decrypted: it is retired, and has "
            "signed nothing"
        ),
        f"/: ES256: {kid(CURRENT)} {UNPUBLISHED}",
        f"/: ES256: {kid(NEXT)} is next, and published",
    ]
    assert states()[current] == states()[following] == RETIRED
    assert signs() == kid(CURRENT)
    run("ciba_keys", "rotate")
    assert signs() == kid(CURRENT)


@pytest.mark.usefixtures("lost")
def test_a_lost_next_key_is_replaced(run: Run) -> None:
    current, following = kid(CURRENT), kid(NEXT)
    assert run("ciba_keys", "retire", following).out == [
        f"/: ES256: {following} is retired, and still published",
        f"/: ES256: {kid(NEXT)} is next, and published",
    ]
    assert kid(CURRENT) == current
    run("ciba_keys", "rotate")
    assert signs() == kid(CURRENT)


def test_a_lost_next_key_stops_nothing(run: Run, root: Realm) -> None:
    SigningKey.objects.filter(state=NEXT).update(private_pem="")
    assert signs() == kid(CURRENT)
    run("ciba_keys", "rotate")
    assert signs() == kid(CURRENT)
