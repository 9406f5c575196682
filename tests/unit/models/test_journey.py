"""A journey's versions: one for each changed document, never changed afterwards."""

import copy
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import RestrictedError

from django_ciba.models import Journey, JourneyVersion, Realm
from tests.provider import PUSH_JOURNEY

pytestmark = pytest.mark.django_db


@pytest.fixture
def journey(root: Realm) -> Journey:
    return Journey.objects.create(realm=root, name="under test", document=PUSH_JOURNEY)


def changed(seconds: int) -> dict[str, Any]:
    document = copy.deepcopy(PUSH_JOURNEY)
    document["nodes"]["wait"]["config"]["seconds"] = seconds
    return document


def versions(journey: Journey) -> list[int]:
    return list(journey.versions.values_list("number", flat=True))


def read(journey: Journey) -> Journey:
    return Journey.objects.select_related("version").get(pk=journey.pk)


def test_a_new_journey_has_one_version(journey: Journey) -> None:
    stored = read(journey)
    assert stored.version is not None
    assert (stored.version.number, stored.version.document) == (1, PUSH_JOURNEY)


def test_a_changed_document_is_a_new_version(journey: Journey) -> None:
    journey.document = changed(9)
    journey.save()
    journey.document = changed(10)
    journey.save()
    assert versions(journey) == [3, 2, 1]
    stored = read(journey)
    assert stored.version is not None
    assert stored.version.document == stored.document == changed(10)
    assert journey.versions.get(number=1).document == PUSH_JOURNEY


def test_another_name_is_no_new_version(journey: Journey) -> None:
    journey.name = "renamed"
    journey.save()
    read(journey).save()
    assert versions(journey) == [1]


def test_the_document_before_is_a_version_of_its_own_again(journey: Journey) -> None:
    for document in (changed(9), PUSH_JOURNEY):
        journey.document = document
        journey.save()
    assert versions(journey) == [3, 2, 1]


def test_a_document_changed_in_place_is_a_new_version(journey: Journey) -> None:
    """The version must not be the very object that the journey holds."""
    journey = read(journey)
    journey.document["nodes"]["wait"]["config"]["seconds"] = 99
    journey.save()
    assert versions(journey) == [2, 1]
    assert journey.versions.get(number=1).document == PUSH_JOURNEY


def test_a_document_changed_in_place_by_its_author_is_a_new_version(root: Realm) -> None:
    journey = Journey.objects.create(realm=root, name="another", document=changed(9))
    journey.document["nodes"]["wait"]["config"]["seconds"] = 99
    journey.save()
    assert versions(journey) == [2, 1]
    assert journey.versions.get(number=1).document == changed(9)


def test_two_editors_are_two_versions(journey: Journey) -> None:
    """The second had read the journey before the first saved it."""
    first, second = read(journey), read(journey)
    first.document = changed(9)
    first.save()
    second.document = changed(10)
    second.save()
    assert versions(journey) == [3, 2, 1]
    assert read(journey).document == changed(10)


def test_a_version_that_failed_to_be_stored_changes_nothing(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**values: Any) -> None:
        raise IntegrityError

    journey.document = changed(9)
    monkeypatch.setattr(JourneyVersion.objects, "create", fails)
    with pytest.raises(IntegrityError):
        journey.save()
    assert read(journey).document == PUSH_JOURNEY


def test_a_version_number_is_one_versions(journey: Journey) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        JourneyVersion.objects.create(journey=journey, number=1, document={})


def test_a_journey_that_is_used_is_not_deleted(root: Realm) -> None:
    default = root.default_journey
    assert default is not None
    with pytest.raises(RestrictedError) as caught:
        default.delete()
    assert {type(each).__name__ for each in caught.value.restricted_objects} == {
        "Realm",
        "AcrMapping",
    }


def test_a_journey_that_nobody_uses_goes_with_its_versions(journey: Journey) -> None:
    journey.document = changed(9)
    journey.save()
    pk = journey.pk
    journey.delete()
    assert not JourneyVersion.objects.filter(journey_id=pk).exists()
