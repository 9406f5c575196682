"""FapiInteractionMixin: one id for one call, in both sides' logs."""

import re
import uuid

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient
from django.test import Client as Browser
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_ciba.resource_server import FapiInteractionMixin

GIVEN = "93BAC548-d2de-4546-b106-880a5018460d"
IMF_FIXDATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")


class Account(FapiInteractionMixin, APIView):
    authentication_classes = []
    permission_classes = []

    def get(self, request: Request) -> Response:
        return Response({"logged": self.fapi_interaction_id})


urlpatterns = [path("account", Account.as_view())]

pytestmark = pytest.mark.urls(__name__)


@pytest.mark.requirement("FAPI 1.0 Baseline", "6.2.1", "11")
def test_the_callers_id_comes_back_as_it_was_sent(client: Browser) -> None:
    answer = client.get("/account", headers={"x-fapi-interaction-id": GIVEN})
    assert answer["x-fapi-interaction-id"] == GIVEN
    assert answer.json() == {"logged": GIVEN}


@pytest.mark.requirement("FAPI 1.0 Baseline", "6.2.1", "11")
@pytest.mark.parametrize("given", ["", "x", GIVEN.replace("-", ""), f"{{{GIVEN}}}", GIVEN + "0"])
def test_anything_but_a_uuid_gets_a_new_one(client: Browser, given: str) -> None:
    answer = client.get("/account", headers={"x-fapi-interaction-id": given} if given else {})
    made = answer["x-fapi-interaction-id"]
    assert (made, uuid.UUID(made).version) != (given, None)
    assert str(uuid.UUID(made)) == made
    assert made.lower() != GIVEN.lower()


@pytest.mark.requirement("FAPI 1.0 Baseline", "6.2.1", "11")
def test_a_refusal_carries_the_id_too(client: Browser) -> None:
    answer = client.post("/account", headers={"x-fapi-interaction-id": GIVEN})
    assert (answer.status_code, answer["x-fapi-interaction-id"]) == (405, GIVEN)


@pytest.mark.requirement("FAPI 1.0 Baseline", "6.2.1", "10")
def test_the_answer_is_dated(client: Browser) -> None:
    assert IMF_FIXDATE.fullmatch(client.get("/account")["Date"])


@pytest.mark.requirement("FAPI 1.0 Baseline", "6.2.1", "10")
def test_under_asgi_the_server_dates_the_answer() -> None:
    get = async_to_sync(AsyncClient().get)
    answer = get("/account", headers={"x-fapi-interaction-id": GIVEN})
    assert answer["x-fapi-interaction-id"] == GIVEN
    assert "Date" not in answer
