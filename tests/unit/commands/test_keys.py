"""ciba_keys."""

from datetime import timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from django_ciba.models import Realm, SigningKey
from django_ciba.models.secrets import UndecryptableError
from tests.unit.commands.conftest import Run

CURRENT, NEXT, RETIRED = SigningKey.State.CURRENT, SigningKey.State.NEXT, SigningKey.State.RETIRED


def kid(state: str, alg: str = "ES256") -> str:
    return SigningKey.objects.get(state=state, alg=alg).kid


def states(realm: str = "/") -> dict[str, str]:
    return dict(SigningKey.objects.filter(realm__path=realm).values_list("kid", "state"))


def test_list_shows_realm_kid_algorithm_state_and_ages(run: Run, root: Realm) -> None:
    now = timezone.now()
    SigningKey.objects.update(
        created_at=now - timedelta(days=3), activated_at=now - timedelta(hours=5)
    )
    assert run("ciba_keys", "list").out == [
        f"/  {kid(CURRENT)}  ES256  current  made 3 d ago, signing since 5 h ago"
    ]
    run("ciba_keys", "rotate")
    (retired,) = [line for line in run("ciba_keys", "list").out if "  retired  " in line]
    assert retired.endswith("signing since 5 h ago, retired just now")


def test_list_of_one_realm_and_of_nothing(run: Run, root: Realm) -> None:
    run("ciba_import", "-", stdin=b'{"realm": "/alpha"}')
    assert len(run("ciba_keys", "list").out) == 2
    (line,) = run("ciba_keys", "list", "--realm", "/alpha").out
    assert line.startswith("/alpha  ")
    SigningKey.objects.all().delete()
    assert run("ciba_keys", "list").err == ["no keys"]
    assert run("ciba_keys", "list", "--realm", "/beta").error == (
        'there is no realm "/beta"; there is /, /alpha'
    )


def test_rotate_lets_a_published_key_sign(run: Run, root: Realm) -> None:
    first = kid(CURRENT)
    ran = run("ciba_keys", "rotate")
    second, third = kid(CURRENT), kid(NEXT)
    assert ran.out == [
        f"/: ES256: {second} signs now",
        f"/: ES256: {first} is retired, and still published",
        (
            f"/: ES256: {second} was not published before: relying parties that keep the JWK Set "
            "must read it again"
        ),
        f"/: ES256: {third} is next, and published",
    ]
    ran = run("ciba_keys", "rotate", "--alg", "ES256")
    assert ran.out == [
        f"/: ES256: {third} signs now",
        f"/: ES256: {second} is retired, and still published",
        f"/: ES256: {kid(NEXT)} is next, and published",
    ]
    assert states()[first] == states()[second] == RETIRED


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
        "realm / signs with ES256, not with RS256; its setting signing_algs says so"
    )
    assert "HS256" in run("ciba_keys", "rotate", "--alg", "HS256").error
    assert run("ciba_keys", "rotate", "--realm", "/x").error.startswith('there is no realm "/x"')


def test_retire_replaces_a_current_key_at_once(run: Run, root: Realm) -> None:
    run("ciba_keys", "rotate")
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
    run("ciba_keys", "rotate")
    current, old = kid(CURRENT), kid(NEXT)
    ran = run("ciba_keys", "retire", old)
    assert ran.out == [
        f"/: ES256: {old} is retired, and still published",
        f"/: ES256: {kid(NEXT)} is next, and published",
    ]
    assert (states()[old], kid(CURRENT)) == (RETIRED, current)


def test_a_leaked_key_is_unpublished_in_one_step(run: Run, root: Realm) -> None:
    leaked = kid(CURRENT)
    ran = run("ciba_keys", "retire", leaked, "--unpublish")
    assert (
        ran.out[-1] == f"/: ES256: {leaked} is deleted: what it signed cannot be verified any more"
    )
    assert leaked not in states()
    assert sorted(states().values()) == [CURRENT, NEXT]


def test_an_old_key_is_unpublished_and_nothing_else_happens(run: Run, root: Realm) -> None:
    run("ciba_keys", "rotate")
    old = kid(RETIRED)
    assert len(run("ciba_keys", "retire", old, "--unpublish").out) == 1
    assert sorted(states().values()) == [CURRENT, NEXT]


def test_a_key_of_an_algorithm_that_was_given_up_is_not_replaced(run: Run, root: Realm) -> None:
    old = kid(CURRENT)
    run("ciba_import", "-", stdin=b'{"realm": "/", "settings": {"signing_algs": ["EdDSA"]}}')
    assert run("ciba_keys", "retire", old).out == [
        f"/: ES256: {old} is retired, and still published"
    ]
    assert SigningKey.objects.filter(alg="ES256").count() == 1


def test_a_key_id_may_begin_with_a_dash(run: Run, root: Realm) -> None:
    SigningKey.objects.update(kid="-v" + "k" * 41)
    assert run("ciba_keys", "retire", "-v" + "k" * 41).error == ""
    assert states()["-v" + "k" * 41] == RETIRED


def test_an_unknown_key_is_refused(run: Run, root: Realm) -> None:
    assert run("ciba_keys", "retire", "nothing").error == (
        "there is no key nothing; ciba_keys list shows all"
    )


def test_a_key_id_of_two_realms_needs_the_realm(run: Run, root: Realm) -> None:
    run("ciba_import", "-", stdin=b'{"realm": "/alpha"}')
    SigningKey.objects.update(kid="same")
    assert run("ciba_keys", "retire", "same").error == (
        "same is in more than one realm (/, /alpha): say --realm"
    )
    assert run("ciba_keys", "retire", "same", "--realm", "/alpha").error == ""
    assert states("/")["same"] == CURRENT
    assert states("/alpha")["same"] == RETIRED


def test_a_key_that_cannot_be_decrypted_any_more_can_be_listed_and_removed(
    run: Run, root: Realm
) -> None:
    lost = kid(CURRENT)
    with override_settings(DJANGO_CIBA={"ENCRYPTION_KEYS": ["another key altogether"]}):
        with pytest.raises(UndecryptableError):
            SigningKey.objects.get(kid=lost)
        assert lost in run("ciba_keys", "list").out[0]
        assert run("ciba_keys", "retire", lost, "--unpublish").error == ""
    assert lost not in states()
