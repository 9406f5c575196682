"""CibaTokenAuthentication, on a view as a host site would write it."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.test import override_settings
from django.urls import path
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_ciba.models import Client, Grant, Realm, Token, configuration
from django_ciba.resource_server import CibaTokenAuthentication
from tests.unit.resource_server.conftest import IssuedToken

DPOP = 'DPoP realm="api", algs="ES256 PS256 RS256 EdDSA"'
BARE = f'Bearer realm="api", {DPOP}'
INVALID_TOKEN = (
    'Bearer realm="api", error="invalid_token", '
    f'error_description="the access token is unknown, expired or revoked", {DPOP}'
)


class WhoAmI(APIView):
    authentication_classes = [CibaTokenAuthentication]
    permission_classes = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        assert isinstance(request.auth, Token)
        return Response({"user": request.user.get_username(), "scope": request.auth.scope})

    def post(self, request: Request) -> Response:
        return Response({"user": request.user.get_username(), "sent": request.data})


class AlphaOnly(CibaTokenAuthentication):
    realm = "accounts of alpha"
    ciba_realms = ["/alpha"]


urlpatterns = [
    path("me", WhoAmI.as_view()),
    path("alpha", WhoAmI.as_view(authentication_classes=[AlphaOnly])),
    path(
        "either",
        WhoAmI.as_view(authentication_classes=[SessionAuthentication, CibaTokenAuthentication]),
    ),
]

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.mark.requirement("RFC 6750", "2.1")
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_live_token_in_the_header_says_who_is_calling(
    issue: IssuedToken, client: Browser, scheme: str
) -> None:
    answer = client.get("/me", headers={"authorization": f"{scheme} {issue()}"})
    assert (answer.status_code, answer.json()) == (200, {"user": "alice", "scope": "openid"})


@pytest.mark.requirement("RFC 6750", "2.1")
def test_a_known_client_costs_one_statement(
    issue: IssuedToken, client: Browser, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    bearer = {"authorization": f"Bearer {issue()}"}
    client.get("/me", headers=bearer)
    with override_settings(DJANGO_CIBA={"CONFIGURATION_MAX_AGE": 60.0}):
        configuration()
        with django_assert_num_queries(1):
            client.get("/me", headers=bearer)


@pytest.mark.requirement("RFC 6750", "3.1")
@pytest.mark.parametrize("header", [{}, {"authorization": "Basic YTpi"}])
def test_without_a_token_the_challenge_is_bare(client: Browser, header: dict[str, str]) -> None:
    answer = client.get("/me", headers=header)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, BARE)


@pytest.mark.requirement("RFC 6750", "3.1")
@pytest.mark.parametrize("value", ["unknown", "*", "a=b", "a" * 16385, "café"])
def test_a_token_that_is_not_ours_is_an_invalid_token(client: Browser, value: str) -> None:
    answer = client.get("/me", headers={"authorization": f"Bearer {value}"})
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, INVALID_TOKEN)
    assert answer.json()["error"] == "invalid_token"


@pytest.mark.requirement("RFC 6750", "3.1")
@pytest.mark.parametrize("value", ["Bearer", "Bearer one two", "Bearer one,Bearer two"])
def test_a_header_without_exactly_one_token_is_an_invalid_request(
    client: Browser, value: str
) -> None:
    answer = client.get("/me", headers={"authorization": value})
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": "invalid_request",
            "error_description": "send Authorization: Bearer and then one token",
        },
    )
    assert answer["WWW-Authenticate"].startswith('Bearer realm="api", error="invalid_request"')


@pytest.mark.requirement("RFC 6750", "3.1")
def test_a_token_ends_with_its_last_second(issue: IssuedToken, client: Browser) -> None:
    issued_at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    with time_machine.travel(issued_at, tick=False) as clock:
        bearer = {"authorization": f"Bearer {issue(seconds=60)}"}
        clock.shift(timedelta(seconds=59, microseconds=999_999))
        assert client.get("/me", headers=bearer).status_code == 200
        clock.shift(timedelta(microseconds=1))
        answer = client.get("/me", headers=bearer)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, INVALID_TOKEN)


def revoke_the_grant() -> None:
    Grant.objects.all().revoke(timezone.now())


def disable_the_client() -> None:
    Client.objects.update(enabled=False)


def disable_the_realm() -> None:
    Realm.objects.update(enabled=False)


def lock_the_user() -> None:
    User.objects.update(is_active=False)


@pytest.mark.requirement("RFC 6750", "3.1")
@pytest.mark.parametrize(
    "happen", [revoke_the_grant, disable_the_client, disable_the_realm, lock_the_user]
)
def test_what_ended_since_ends_the_token_too(
    issue: IssuedToken, client: Browser, happen: object
) -> None:
    bearer = {"authorization": f"Bearer {issue()}"}
    assert client.get("/me", headers=bearer).status_code == 200
    assert callable(happen)
    happen()
    answer = client.get("/me", headers=bearer)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, INVALID_TOKEN)


@pytest.mark.requirement("RFC 6750", "3.1")
def test_a_refresh_token_is_no_access_token(issue: IssuedToken, client: Browser) -> None:
    bearer = {"authorization": f"Bearer {issue(kind=Token.Kind.REFRESH)}"}
    answer = client.get("/me", headers=bearer)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, INVALID_TOKEN)


ELSEWHERE = {
    "error": "invalid_request",
    "error_description": "access_token was sent outside the Authorization header: "
    "send the token there, and nowhere else",
}


@pytest.mark.requirement("RFC 6750", "2.3")
def test_a_token_in_the_query_string_is_refused(issue: IssuedToken, client: Browser) -> None:
    answer = client.get("/me", query_params={"access_token": issue()})
    assert (answer.status_code, answer.json()) == (400, ELSEWHERE)


@pytest.mark.requirement("RFC 6750", "2")
def test_two_ways_at_once_are_refused(issue: IssuedToken, client: Browser) -> None:
    value = issue()
    bearer = {"authorization": f"Bearer {value}"}
    in_query = client.get("/me", headers=bearer, query_params={"access_token": value})
    in_form = client.post(
        "/me", f"access_token={value}", "application/x-www-form-urlencoded", headers=bearer
    )
    assert (in_query.status_code, in_query.json()) == (400, ELSEWHERE)
    assert (in_form.status_code, in_form.json()) == (400, ELSEWHERE)


@pytest.mark.requirement("RFC 6750", "2.2")
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("colour=red", "application/x-www-form-urlencoded"),
        ('{"colour": "red", "access_token": "of something else"}', "application/json"),
    ],
)
def test_the_view_still_reads_its_body(
    issue: IssuedToken, client: Browser, body: str, content_type: str
) -> None:
    answer = client.post("/me", body, content_type, headers={"authorization": f"Bearer {issue()}"})
    assert (answer.status_code, answer.json()["sent"]["colour"]) == (200, "red")


@pytest.mark.requirement("RFC 6750", "3")
def test_a_bad_token_is_challenged_behind_another_authenticator(client: Browser) -> None:
    """REST framework asks the first authenticator for the challenge, and a session has none."""
    answer = client.get("/either", headers={"authorization": "Bearer unknown"})
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, INVALID_TOKEN)


def test_a_view_may_take_the_tokens_of_one_realm_only(
    issue: IssuedToken, client: Browser, client_record: Client
) -> None:
    bearer = {"authorization": f"Bearer {issue()}"}
    answer = client.get("/alpha", headers=bearer)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith(
        'Bearer realm="accounts of alpha", error="invalid_token"'
    )
    client_record.realm = Realm.objects.create(name="alpha", parent=client_record.realm)
    client_record.save()
    assert client.get("/alpha", headers=bearer).status_code == 200
