"""The admin asks what every door asks: two steps are for clients that poll."""

import pytest
from django.test import Client as Browser

from django_ciba.models import Client
from tests.unit.admin.arrange import House, page
from tests.unit.admin.test_client import errors, form


@pytest.mark.parametrize("mode", ["ping", "poll"])
def test_one_that_is_pinged_is_refused(house: House, admin_client: Browser, mode: str) -> None:
    data = form(
        house.realm,
        two_step_user_code="on",
        backchannel_token_delivery_mode=mode,
        backchannel_client_notification_endpoint="https://rp.example.com/ciba",
    )
    answer = admin_client.post(page(Client, "add"), data)
    if mode == "poll":
        assert answer.status_code == 302
        assert Client.objects.get(client_id="bank").two_step_user_code
        return
    (problem,) = errors(answer)["two_step_user_code"]
    assert problem.endswith("is ping: a client polls for a middle token, so use poll")
