"""The user's device: what waits there, and the user's answer, by the inbox's pages or without."""

from collections.abc import Sequence
from typing import Any, cast

from django.contrib.auth.models import AbstractBaseUser
from django.test import Client as HttpClient
from django.urls import reverse
from django.utils import timezone

from django_ciba.journeys import VOUCHED, answer
from django_ciba.models import AuthenticationRequest
from django_ciba.testing.provider import find
from django_ciba.testing.relying_party import Answer

_Answer = AuthenticationRequest.Answer


class Device:
    """Answers as `user`. Without an `auth_req_id` an answer is to the one request that waits."""

    def __init__(self, user: AbstractBaseUser) -> None:
        self.user = user
        self.http = HttpClient()

    def waiting(self) -> list[AuthenticationRequest]:
        """What the user is being asked now, the one that runs out first on top."""
        return list(AuthenticationRequest.objects.waiting_for(self.user, timezone.now()))

    def approve(self, auth_req_id: str = "", amr: Sequence[str] = ("pwd",)) -> None:
        """Say yes, having just logged in by `amr` (RFC 8176).

        Raises NotAnswerable; LookupError where it is not said which of none or several is meant.
        """
        self._say(auth_req_id, _Answer.APPROVED, amr)

    def deny(self, auth_req_id: str = "") -> None:
        """Say no; raises as `approve`."""
        self._say(auth_req_id, _Answer.DENIED, ())

    def inbox(self) -> list[str]:
        """As `waiting`, but as the inbox shows it over HTTP: the public ids of the requests."""
        answer = self._signed_in().get(reverse("ciba_device:waiting"))
        assert answer.status_code == 200, answer.content
        return [each["id"] for each in answer.json()["waiting"]]

    def approve_in_inbox(self, auth_req_id: str = "") -> Answer:
        """Say yes on the request's page, over HTTP: 303 to what came of it, 409 or 410 if late."""
        return self._post(auth_req_id, _Answer.APPROVED)

    def deny_in_inbox(self, auth_req_id: str = "") -> Answer:
        """Say no on the request's page, over HTTP; as `approve_in_inbox`."""
        return self._post(auth_req_id, _Answer.DENIED)

    def _say(self, auth_req_id: str, verdict: str, amr: Sequence[str]) -> None:
        found, now = self._asked(auth_req_id), timezone.now()
        assert found.user == self.user, "this request waits for another user"
        answer(found, verdict, now=now, authenticated_at=now, amr=list(amr), evidence=VOUCHED)

    def _post(self, auth_req_id: str, verdict: str) -> Answer:
        page = reverse("ciba_device:request", args=[self._asked(auth_req_id).public_id])
        return self._signed_in().post(page, {"verdict": verdict})

    def _asked(self, auth_req_id: str) -> AuthenticationRequest:
        if auth_req_id:
            return find(auth_req_id)
        waiting = self.waiting()
        if len(waiting) != 1:
            raise LookupError(
                f"{len(waiting)} requests wait for {self.user}: say which one, by its auth_req_id"
            )
        return waiting[0]

    def _signed_in(self) -> HttpClient:
        if "_auth_user_id" not in self.http.session:
            self.http.force_login(cast(Any, self.user))  # any user model will do
        return self.http
