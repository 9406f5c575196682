"""What goes with what, and what stands in the way: realms, clients, users, requests."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models import Model, ProtectedError, RestrictedError
from django.utils import timezone

from django_ciba.models import (
    AcrMapping,
    AuthenticationRequest,
    Client,
    Delivery,
    DeliveryAttempt,
    Grant,
    Journey,
    JourneyVersion,
    Realm,
    SigningKey,
    Token,
    UsedAssertion,
    UserCode,
)
from tests.provider import make_client, make_realm
from tests.unit.journeys.arrange import SEEDS, Answer, begin, say

pytestmark = pytest.mark.django_db

OF_A_REALM: tuple[type[Model], ...] = (
    AcrMapping,
    AuthenticationRequest,
    Client,
    Delivery,
    DeliveryAttempt,
    Grant,
    Journey,
    JourneyVersion,
    SigningKey,
    Token,
    UsedAssertion,
)
OF_A_USER: tuple[type[Model], ...] = (
    AuthenticationRequest,
    Delivery,
    DeliveryAttempt,
    Grant,
    Token,
    UserCode,
)


def furnish(realm: Realm, name: str = "alice") -> None:
    """A row of every model that hangs on a realm, and a user with one of each of hers."""
    now = timezone.now()
    client, user = make_client(realm)[0], User.objects.create_user(name)
    asked = begin(SEEDS, client, user, now=now)
    answered = say(asked, Answer.APPROVED, now)
    delivery = Delivery.objects.create(
        authentication_request=asked, kind="prompt", channel="email", due_at=now, created_at=now
    )
    DeliveryAttempt.objects.create(delivery=delivery, number=1, at=now, outcome="retry")
    grant = Grant(
        authentication_request=answered,
        client=client,
        user=user,
        subject=str(user.pk),
        scope="openid",
        authenticated_at=now,
        created_at=now,
    )
    token = Token(
        grant=grant,
        kind=Token.Kind.ACCESS,
        digest=f"digest of {name}",
        scope="openid",
        created_at=now,
        expires_at=now + timedelta(hours=1),
    )
    assert Grant.objects.redeem(grant, [token], now)
    assert UsedAssertion.objects.consume(client, "once", now.timestamp())
    code = UserCode(user=user)
    code.set_code("4711")
    code.save()


def counts(models: tuple[type[Model], ...]) -> dict[str, int]:
    return {each.__name__: each._default_manager.count() for each in models}


def test_a_realm_goes_with_all_that_is_in_it_and_nothing_else(root: Realm) -> None:
    furnish(root)
    before = counts(OF_A_REALM)
    assert all(before.values())
    alpha = make_realm("alpha", root)
    furnish(alpha, "bob")
    assert all(number > before[name] for name, number in counts(OF_A_REALM).items())
    alpha.delete()
    assert counts(OF_A_REALM) == before
    assert list(Realm.objects.all()) == [root]


def test_the_users_of_a_realm_that_is_deleted_stay(root: Realm) -> None:
    alpha = make_realm("alpha", root)
    furnish(alpha)
    alpha.delete()
    assert UserCode.objects.count() == 1


def test_a_realm_with_realms_below_it_is_deleted_from_below(root: Realm) -> None:
    alpha = make_realm("alpha", root)
    beta = make_realm("beta", alpha)
    furnish(beta)
    for parent in (root, alpha):
        with pytest.raises(ProtectedError) as caught:
            parent.delete()
        assert beta in caught.value.protected_objects or alpha in caught.value.protected_objects
    assert Realm.objects.count() == 3
    assert counts((Client, AuthenticationRequest)) == {"Client": 1, "AuthenticationRequest": 1}
    for realm in (beta, alpha, root):
        Realm.objects.get(pk=realm.pk).delete()
    assert set(counts((Realm, *OF_A_REALM)).values()) == {0}


def test_a_client_goes_with_its_requests_grants_and_tokens(root: Realm) -> None:
    furnish(root)
    Client.objects.get().delete()
    gone = (AuthenticationRequest, Delivery, DeliveryAttempt, Grant, Token, UsedAssertion)
    assert set(counts(gone).values()) == {0}
    assert Journey.objects.exists()


def test_a_user_goes_with_what_was_asked_of_her(root: Realm) -> None:
    furnish(root)
    furnish(make_realm("alpha", root), "bob")
    before = counts(OF_A_USER)
    user = UserCode.objects.get(user__username="bob").user
    user.delete()
    assert counts(OF_A_USER) == {name: number - 1 for name, number in before.items()}


def test_a_grant_outlives_its_request(root: Realm) -> None:
    furnish(root)
    AuthenticationRequest.objects.all().delete()
    assert Grant.objects.get().authentication_request is None
    assert Token.objects.count() == 1


def test_a_journey_with_requests_of_its_own_stays_until_they_are_gone(root: Realm) -> None:
    furnish(root)
    journey = Journey.objects.get(name="under test")
    with pytest.raises(RestrictedError):
        journey.delete()
    AuthenticationRequest.objects.all().delete()
    journey.delete()
