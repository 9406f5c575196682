"""A site's own mobile app as tests need it: everything that it sends can be changed."""

import json
import secrets
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from django_ciba.jose import PrivateKey
from django_ciba.models import AuthenticationRequest, Device, DeviceEnrolment
from tests.proofs import ProofMaker
from tests.relying_party import compact

API = "http://localhost:8000/ciba/api"
FCM_TOKEN = "fcm-token:" + "A" * 40
NOTHING: Any = object()
# `demands` of a request that a button approves.
A_BUTTON: dict[str, Any] = {
    "number": None,
    "number_choices": [],
    "passcode": False,
    "passkey": False,
    "second_factor": False,
    "link": False,
    "max_login_age": 43200,
}


@dataclass
class App:
    """Its key, and what it was told when it enrolled."""

    key: PrivateKey = field(default_factory=lambda: PrivateKey.generate("ES256"))
    device: dict[str, Any] = field(default_factory=dict)
    http: Client = field(default_factory=Client)

    @property
    def proofs(self) -> ProofMaker:
        return ProofMaker(self.key)

    def call(
        self,
        method: str,
        path: str,
        body: Any = NOTHING,
        *,
        proof: str | None = "",
        content_type: str = "application/json",
        **headers: str,
    ) -> Any:
        """Any call; `proof` None sends none, and octets are sent as they are."""
        if proof == "":
            proof = self.proofs.proof(method, f"{API}/{path}")
        sent = {**headers, **({} if proof is None else {"DPoP": proof})}
        given = b"" if body is NOTHING else body
        octets = given if isinstance(given, bytes) else json.dumps(given).encode()
        return self.http.generic(
            method,
            f"/ciba/api/{path}",
            octets,
            content_type,
            headers=sent,
        )

    def enrol(self, user: User, **changes: Any) -> Any:
        """By a code of that user's; a change to NOTHING leaves the member out."""
        if "code" not in changes:
            changes["code"] = DeviceEnrolment.objects.start(user, timezone.now(), 600)
        members = {
            "name": "Alice's phone",
            "public_jwk": self.proofs.jwk,
            **changes,
        }
        sent = {name: value for name, value in members.items() if value is not NOTHING}
        answer = self.call("POST", "enrolment", sent)
        if answer.status_code == 201:
            self.device = answer.json()
        return answer

    @property
    def stored(self) -> Device:
        return Device.objects.get(public_id=self.device["id"])

    def claims(self, found: AuthenticationRequest, **changes: Any) -> dict[str, Any]:
        """Of a good answer; a change to NOTHING leaves the claim out."""
        now = int(time.time())
        claims = {
            "iss": self.device["id"],
            "aud": API,
            "request": str(found.public_id),
            "client": found.client.client_id,
            "binding_message": found.binding_message,
            "prompt": found.prompt_number,
            "verdict": "approved",
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_urlsafe(16),
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not NOTHING}

    def signed(
        self,
        found: AuthenticationRequest,
        *,
        header: dict[str, Any] | None = None,
        key: PrivateKey | None = None,
        **changes: Any,
    ) -> str:
        whole = {"typ": "ciba-answer+jwt", "alg": self.key.alg, **(header or {})}
        whole = {name: value for name, value in whole.items() if value is not NOTHING}
        return compact(whole, self.claims(found, **changes), key or self.key)

    def answer(self, found: AuthenticationRequest, **changes: Any) -> Any:
        return self.send(found, self.signed(found, **changes))

    def send(self, found: AuthenticationRequest, jws: Any) -> Any:
        return self.call("POST", f"requests/{found.public_id}/answer", {"answer": jws})


def enrolled(user: User, alg: str = "ES256") -> App:
    """An app of that user's, who has signed in just now."""
    app = App(PrivateKey.generate(alg))
    assert app.enrol(user).status_code == 201
    return app


def signed_in_ago(app: App, **ago: float) -> None:
    """The app's user had signed in that long ago."""
    Device.objects.filter(public_id=app.device["id"]).update(
        authenticated_at=timezone.now() - timedelta(**ago)
    )


def refusal(answer: Any) -> tuple[int, str, str]:
    """What a refusal says, all of it JSON that no cache keeps."""
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    members = answer.json()
    assert set(members) == {"error", "error_description"}
    return answer.status_code, members["error"], members["error_description"]
