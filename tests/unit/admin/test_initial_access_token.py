"""Initial access tokens: shown once, never counted up, ended by deleting."""

from typing import Any

from django.contrib.admin.models import LogEntry
from django.test import Client as Browser
from django.utils import timezone

from django_ciba.models import InitialAccessToken
from tests.unit.admin.arrange import House, page, said


def form(house: House, **changes: Any) -> dict[str, Any]:
    values = {
        "realm": house.realm.pk,
        "name": "Partners",
        "uses_left": "2",
        "expires_at_0": "",
        "expires_at_1": "",
    }
    return {**values, **changes}


def test_a_new_token_is_shown_once(house: House, admin_client: Browser) -> None:
    answer = admin_client.post(page(InitialAccessToken, "add"), form(house), follow=True)
    (message,) = [each for each in said(answer) if "shown only now" in each]
    value = message.rpartition(" ")[2]
    row = InitialAccessToken.objects.get(name="Partners")
    assert InitialAccessToken.objects.live(value, house.realm, timezone.now()).get() == row
    assert row.uses_left == 2
    for address in (
        page(InitialAccessToken, "changelist"),
        page(InitialAccessToken, "change", row.pk),
    ):
        shown = admin_client.get(address).content.decode()
        assert value not in shown
        assert row.digest not in shown
    for entry in LogEntry.objects.all():
        assert value not in f"{entry.change_message}{entry.object_repr}"


def test_a_change_makes_no_new_token_and_no_more_uses(house: House, admin_client: Browser) -> None:
    row = house.first(InitialAccessToken)
    answer = admin_client.post(
        page(InitialAccessToken, "change", row.pk), form(house, uses_left="99"), follow=True
    )
    assert not any("shown only now" in each for each in said(answer))
    stored = InitialAccessToken.objects.get(pk=row.pk)
    assert (stored.name, stored.uses_left, stored.digest) == ("Partners", 1, row.digest)
