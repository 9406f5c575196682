"""Realms nest: their paths, addresses and settings follow from where they are."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import IntegrityError, transaction

from django_ciba.models import Journey, Realm
from tests.provider import PUSH_JOURNEY, make_realm
from tests.unit.models.conftest import ISSUER

pytestmark = pytest.mark.django_db


def below(parent: Realm, name: str, **settings: Any) -> Realm:
    return Realm.objects.create(name=name, parent=parent, settings=settings)


def read(realm: Realm) -> Realm:
    return Realm.objects.get(pk=realm.pk)


# --- paths and addresses ------------------------------------------------------------------------


def test_a_path_is_made_of_the_names_above(root: Realm) -> None:
    alpha = below(root, "alpha")
    assert (root.path, alpha.path, below(alpha, "beta").path) == ("/", "/alpha", "/alpha/beta")


def test_root_is_root_whatever_it_is_called(db: None) -> None:
    assert Realm.objects.create(name="customers").path == "/"


def test_a_renamed_realm_takes_those_below_along(root: Realm) -> None:
    alpha = below(root, "alpha")
    gamma = below(below(alpha, "beta"), "gamma")
    alpha.name = "omega"
    alpha.save()
    assert read(gamma).path == "/omega/beta/gamma"


def test_a_moved_realm_takes_those_below_along(root: Realm) -> None:
    alpha, omega = below(root, "alpha"), below(root, "omega")
    gamma = below(below(alpha, "beta"), "gamma")
    beta = Realm.objects.get(name="beta")
    beta.parent = omega
    beta.save()
    assert read(gamma).path == "/omega/beta/gamma"
    assert read(alpha).path == "/alpha"


def test_the_addresses_are_those_of_pingam(root: Realm) -> None:
    beta = below(below(root, "alpha"), "beta")
    assert root.url_prefix == ""
    assert root.address == root.issuer == ISSUER
    assert root.endpoint("bc-authorize") == f"{ISSUER}/bc-authorize"
    assert beta.url_prefix == "realms/root/realms/alpha/realms/beta/"
    assert beta.issuer == f"{ISSUER}/realms/root/realms/alpha/realms/beta"
    assert beta.endpoint("access_token") == f"{beta.issuer}/access_token"


def test_an_overridden_issuer_does_not_move_the_endpoints(root: Realm) -> None:
    root.issuer_override = "https://login.example.com"
    assert root.issuer == "https://login.example.com"
    assert root.endpoint("bc-authorize") == f"{ISSUER}/bc-authorize"
    assert root.audiences[0] == "https://login.example.com"
    assert f"{ISSUER}/access_token" in root.audiences


def test_without_an_issuer_no_address_is_guessed(root: Realm, settings: Any) -> None:
    settings.DJANGO_CIBA = {}
    with pytest.raises(ImproperlyConfigured, match=r"DJANGO_CIBA\['ISSUER'\] is not set"):
        _ = root.issuer


def test_root_is_addressed_with_and_without_its_name(root: Realm) -> None:
    assert f"{ISSUER}/realms/root/access_token" in root.audiences
    assert below(root, "alpha").audiences.count(f"{ISSUER}/realms/root") == 0


@pytest.mark.parametrize(
    "name", ["", "a/b", ".", "..", "-a", "a b", "ä", "a\n", "realms/root", "a" * 101]
)
def test_a_name_is_one_segment_of_a_path(root: Realm, name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Realm(name=name, parent=root).full_clean()
    assert "name" in caught.value.message_dict


@pytest.mark.parametrize("name", ["alpha", "a", "7", "A.b_c-d", "realms", "a" * 100])
def test_names_that_will_do(root: Realm, name: str) -> None:
    Realm(name=name, parent=root).full_clean()


# --- what may lie where ---------------------------------------------------------------------------


def refusal(realm: Realm) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        realm.full_clean()
    return dict(caught.value.message_dict)


def test_there_is_one_root(root: Realm) -> None:
    assert refusal(Realm(name="other")) == {"parent": ["There is one root realm; choose a parent."]}
    with pytest.raises(IntegrityError), transaction.atomic():
        Realm.objects.create(name="other")


def test_a_realm_cannot_lie_below_itself(root: Realm) -> None:
    alpha = below(root, "alpha")
    beta = below(alpha, "beta")
    for parent in (alpha, beta):
        alpha.parent = parent
        assert refusal(alpha) == {"parent": ["A realm cannot lie below itself."]}


def test_two_realms_of_one_name_cannot_lie_in_one_place(root: Realm) -> None:
    alpha = below(root, "alpha")
    below(alpha, "alpha")
    with pytest.raises(IntegrityError), transaction.atomic():
        below(root, "alpha")


def test_the_default_journey_is_the_realms_own(root: Realm) -> None:
    alpha = make_realm("alpha", root)
    alpha.default_journey = root.default_journey
    assert refusal(alpha) == {"default_journey": ["Choose a journey of this realm."]}


def test_ancestors_end_even_in_a_circle(root: Realm) -> None:
    """Nothing stores one, but a loop over rows must not depend on that."""
    alpha = below(root, "alpha")
    beta = below(alpha, "beta")
    alpha.parent = beta
    assert beta.ancestors() == [alpha, beta]


# --- settings -----------------------------------------------------------------------------------


def test_the_nearest_realm_that_says_something_wins(root: Realm, settings: Any) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "POLLING_INTERVAL": 7, "RETENTION": 60}
    root.settings = {"auth_req_id_lifetime": 300, "access_token_lifetime": 100}
    root.save()
    alpha = below(root, "alpha", access_token_lifetime=200)
    conf = below(alpha, "beta", id_token_lifetime=50).conf
    assert conf.ID_TOKEN_LIFETIME == 50
    assert conf.ACCESS_TOKEN_LIFETIME == 200
    assert conf.AUTH_REQ_ID_LIFETIME == 300
    assert conf.POLLING_INTERVAL == 7
    assert conf.RETENTION == 60
    assert conf.REFRESH_TOKEN_LIFETIME == 30 * 86400


def test_false_and_zero_and_empty_say_something_and_null_does_not(
    root: Realm, settings: Any
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "REQUIRE_MAPPED_ACR": True}
    root.settings = {"require_mapped_acr": False, "trusted_hint_issuers": []}
    assert root.conf.REQUIRE_MAPPED_ACR is False
    alpha = Realm(name="alpha", parent=root, settings={"require_mapped_acr": None})
    assert alpha.conf.REQUIRE_MAPPED_ACR is False
    assert alpha.conf.TRUSTED_HINT_ISSUERS == []


def test_what_is_no_setting_of_a_realm_is_not_overridden(root: Realm) -> None:
    """Even where somebody has stored it by force."""
    root.settings = {"outbound_allow_loopback": True, "OUTBOUND_ALLOW_LOOPBACK": True}
    assert root.conf.OUTBOUND_ALLOW_LOOPBACK is False
    assert refusal(root) == {
        "settings": [
            "outbound_allow_loopback is not a setting of a realm",
            "OUTBOUND_ALLOW_LOOPBACK is not a setting of a realm",
        ]
    }


def test_every_wrong_setting_is_named(root: Realm) -> None:
    root.settings = {"polling_interval": "2", "issuer": "https://x", "scopes": []}
    (said,) = refusal(root).values()
    assert [each.split()[0] for each in said] == ["polling_interval", "issuer"]


def test_settings_are_an_object(root: Realm) -> None:
    root.settings = ["polling_interval"]
    assert refusal(root) == {"settings": ["must be an object"]}


# --- disabling ----------------------------------------------------------------------------------


def test_below_a_disabled_realm_all_are_disabled(root: Realm) -> None:
    alpha = below(root, "alpha")
    below(below(alpha, "beta"), "gamma")
    below(root, "omega")
    Realm.objects.filter(pk=alpha.pk).update(enabled=False)
    assert sorted(Realm.objects.loaded()) == ["/", "/omega"]
    Realm.objects.filter(pk=root.pk).update(enabled=False)
    assert Realm.objects.loaded() == {}


def test_all_realms_are_loaded_with_a_number_of_statements_that_does_not_grow(
    root: Realm, django_assert_num_queries: Any
) -> None:
    alpha = make_realm("alpha", root)
    make_realm("beta", alpha)
    with django_assert_num_queries(5):
        realms = Realm.objects.loaded()
        beta = realms["/alpha/beta"]
        assert beta.conf.POLLING_INTERVAL == 2
        assert beta.issuer.endswith("/alpha/realms/beta")
        assert [each.acr for each in beta.mapping] == ["push"]
        assert {each.alg for each in beta.keys} == {"ES256", "RS256", "PS256", "EdDSA"}
        assert beta.default_journey is not None
        assert beta.default_journey.document == PUSH_JOURNEY
    assert Journey.objects.count() == 3
