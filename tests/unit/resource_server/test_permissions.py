"""TokenHasScope and TokenHasAcr: what each refuses; a forgotten attribute opens nothing."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.test import Client as Browser
from django.urls import path
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_ciba.models import Client
from django_ciba.resource_server import CibaTokenAuthentication, TokenHasAcr, TokenHasScope
from tests.unit.resource_server.conftest import IssuedToken

DPOP = 'DPoP realm="api", algs="ES256 PS256 RS256 EdDSA"'
BARE = f'Bearer realm="api", {DPOP}'


class Account(APIView):
    authentication_classes = [CibaTokenAuthentication]
    permission_classes = [TokenHasScope]
    required_scopes: Any = ["openid", "profile"]
    required_acr: Any = None

    def get(self, request: Request) -> Response:
        return Response("open")


class Transfer(Account):
    permission_classes = [TokenHasAcr]
    required_acr = ["passkey", "push"]


class Forgetful(Account):
    required_scopes = None


class Either(Account):
    authentication_classes = [SessionAuthentication, CibaTokenAuthentication]
    permission_classes = [IsAdminUser | TokenHasScope]


urlpatterns = [
    path("account", Account.as_view()),
    path("account-text", Account.as_view(required_scopes="openid profile")),
    path("transfer", Transfer.as_view()),
    path("forgetful", Forgetful.as_view()),
    path("empty", Account.as_view(required_scopes=[])),
    path("unspeakable", Account.as_view(required_scopes=['a"b'])),
    path("forgetful-acr", Transfer.as_view(required_acr=None)),
    path("either", Either.as_view()),
]

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


def ask(client: Browser, address: str, token: str) -> Any:
    return client.get(address, headers={"authorization": f"Bearer {token}"})


@pytest.mark.requirement("RFC 6750", "3.1")
@pytest.mark.parametrize("address", ["/account", "/account-text"])
def test_a_token_with_every_scope_opens_the_view(
    issue: IssuedToken, client: Browser, address: str
) -> None:
    answer = ask(client, address, issue(scope="profile openid email"))
    assert (answer.status_code, answer.json()) == (200, "open")


@pytest.mark.requirement("RFC 6750", "3.1")
def test_a_scope_that_the_client_has_lost_since_opens_nothing(
    issue: IssuedToken, client: Browser, client_record: Client
) -> None:
    token = issue(scope="openid profile")
    assert ask(client, "/account", token).status_code == 200
    client_record.scope = "openid"
    client_record.save()
    assert ask(client, "/account", token).status_code == 403


@pytest.mark.requirement("RFC 6750", "3.1")
@pytest.mark.parametrize("scope", ["openid", "openid profiles", "openid PROFILE", ""])
def test_a_missing_scope_is_named_in_the_challenge(
    issue: IssuedToken, client: Browser, scope: str
) -> None:
    answer = ask(client, "/account", issue(scope=scope))
    assert answer.status_code == 403
    assert answer["WWW-Authenticate"] == (
        'Bearer realm="api", error="insufficient_scope", '
        'error_description="the access token lacks a scope that this needs", '
        f'scope="openid profile", {DPOP}'
    )
    assert answer.json()["error"] == "insufficient_scope"


@pytest.mark.requirement("RFC 6750", "3.1")
@pytest.mark.parametrize("address", ["/account", "/transfer", "/either"])
def test_without_a_token_nothing_opens_and_the_challenge_is_bare(
    client: Browser, address: str
) -> None:
    answer = client.get(address)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, BARE)


@pytest.mark.requirement("RFC 6750", "3.1")
def test_a_user_with_a_session_has_no_scope(client: Browser, alice: User) -> None:
    client.force_login(alice)
    answer = client.get("/either")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, BARE)


def test_composed_with_another_permission_either_opens_the_view(
    client: Browser, alice: User, issue: IssuedToken
) -> None:
    assert ask(client, "/either", issue(scope="openid profile")).status_code == 200
    User.objects.update(is_staff=True)
    client.force_login(User.objects.get())
    assert client.get("/either").status_code == 200


@pytest.mark.requirement("RFC 9470", "3")
def test_a_user_who_authenticated_otherwise_must_do_so_again(
    issue: IssuedToken, client: Browser
) -> None:
    answer = ask(client, "/transfer", issue(acr="sms"))
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == (
        'Bearer realm="api", error="insufficient_user_authentication", '
        'error_description="the user must authenticate in another way: '
        'start a new authentication request with these acr_values", '
        f'acr_values="passkey push", {DPOP}'
    )


@pytest.mark.requirement("RFC 9470", "3")
def test_no_acr_at_all_is_not_enough(issue: IssuedToken, client: Browser) -> None:
    answer = ask(client, "/transfer", issue(acr=""))
    assert answer.json()["error"] == "insufficient_user_authentication"


@pytest.mark.requirement("RFC 9470", "3")
@pytest.mark.parametrize("acr", ["passkey", "push"])
def test_each_of_the_required_acr_opens_the_view(
    issue: IssuedToken, client: Browser, acr: str
) -> None:
    assert ask(client, "/transfer", issue(acr=acr)).status_code == 200


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/forgetful", "Forgetful.required_scopes"),
        ("/empty", "Account.required_scopes"),
        ("/unspeakable", "Account.required_scopes"),
        ("/forgetful-acr", "Transfer.required_acr"),
    ],
)
def test_a_view_that_does_not_say_what_it_requires_opens_for_nobody(
    issue: IssuedToken, client: Browser, address: str, name: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"{name} must list one or more words"):
        ask(client, address, issue(scope="openid profile", acr="push"))
