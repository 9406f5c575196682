"""A relying party for tests: everything it sends can be changed, wrong values included."""

import base64
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote_plus, urlencode

from django.test import Client as HttpClient

from django_ciba.jose import PrivateKey, base64url, sign
from django_ciba.jose.algorithms import ALGORITHMS
from django_ciba.models import Client

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse
else:
    from django.http import HttpResponse as _MonkeyPatchedWSGIResponse

Answer: TypeAlias = _MonkeyPatchedWSGIResponse
CIBA = "urn:openid:params:grant-type:ciba"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = "application/x-www-form-urlencoded"


@dataclass
class RelyingParty:
    """Speaks to one realm as one client, over HTTP."""

    http: HttpClient
    client: Client
    issuer: str
    mount: str  # path of the realm's endpoints, as /oauth2/
    key: PrivateKey
    secret: str = ""
    signed: bool = True
    log: list[Answer] = field(default_factory=list)

    def now(self) -> int:
        return int(time.time())

    def request_claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good signed request; a change to None removes one."""
        claims = {
            "iss": self.client.client_id,
            "aud": self.issuer,
            "exp": self.now() + 300,
            "scope": "openid profile",
            "login_hint": "alice",
            "binding_message": "Pay £50 to Example (EB-1)",
        }
        if self.client.is_fapi:
            claims |= {"iat": self.now(), "nbf": self.now(), "jti": secrets.token_hex(16)}
        claims |= changes
        return {name: value for name, value in claims.items() if value is not None}

    def signed_request(self, **changes: Any) -> str:
        return sign(self.request_claims(**changes), self.key)

    def send(self, token: str, **beside: str) -> Answer:
        """bc-authorize with this `request`, whatever it is, and parameters beside it."""
        return self.post("bc-authorize", {"request": token, **beside})

    def assertion_claims(self, **changes: Any) -> dict[str, Any]:
        claims = {
            "iss": self.client.client_id,
            "sub": self.client.client_id,
            "aud": self.issuer,
            "exp": self.now() + 60,
            "iat": self.now(),
            "jti": secrets.token_hex(16),
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def assertion(self, **changes: Any) -> str:
        return sign(self.assertion_claims(**changes), self.key)

    def credentials(self) -> tuple[dict[str, str], dict[str, str]]:
        """(form parameters, headers) of this client's registered method."""
        method = self.client.token_endpoint_auth_method
        if method == "client_secret_basic":
            return {}, {"Authorization": basic(self.client.client_id, self.secret)}
        if method == "client_secret_post":
            return {"client_id": self.client.client_id, "client_secret": self.secret}, {}
        return (
            {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion()},
            {},
        )

    def post(
        self,
        endpoint: str,
        parameters: Mapping[str, Any] | list[tuple[str, str]] | bytes,
        *,
        authenticated: bool = True,
        headers: Mapping[str, str] | None = None,
        content_type: str = FORM,
    ) -> Answer:
        """POST to an endpoint of the realm, with this client's credentials unless told not to."""
        own, sent = self.credentials() if authenticated else ({}, {})
        sent = {**sent, **(headers or {})}
        if isinstance(parameters, bytes):
            body = parameters
        elif isinstance(parameters, list):
            body = urlencode([*parameters, *own.items()]).encode()
        else:
            body = urlencode({**own, **parameters}).encode()
        # Not http.post, which writes the octets anew in the charset of the content type.
        answer = self.http.generic("POST", self.mount + endpoint, body, content_type, headers=sent)
        self.log.append(answer)
        return answer

    def authenticate(self, **changes: Any) -> Answer:
        """bc-authorize with a good request, changed by `changes`; signed if the client signs."""
        if self.signed:
            return self.post("bc-authorize", {"request": self.signed_request(**changes)})
        claims = self.request_claims(**changes)
        for name in ("iss", "aud", "exp"):
            claims.pop(name, None)
        return self.post("bc-authorize", claims)

    def auth_req_id(self, **changes: Any) -> str:
        answer = self.authenticate(**changes)
        assert answer.status_code == 200, answer.content
        return str(answer.json()["auth_req_id"])

    def poll(self, auth_req_id: str, **changes: Any) -> Answer:
        parameters = {"grant_type": CIBA, "auth_req_id": auth_req_id, **changes}
        return self.post("access_token", {k: v for k, v in parameters.items() if v is not None})

    def refresh(self, refresh_token: str, **changes: Any) -> Answer:
        return self.post(
            "access_token",
            {"grant_type": "refresh_token", "refresh_token": refresh_token, **changes},
        )

    def userinfo(self, access_token: str, **headers: str) -> Answer:
        return self.http.get(
            self.mount + "userinfo", headers={"Authorization": f"Bearer {access_token}", **headers}
        )


def basic(client_id: str, secret: str) -> str:
    """RFC 6749 §2.3.1: form-urlencoded id and secret, joined and base64-encoded."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def claims_of(token: str) -> dict[str, Any]:
    """The payload of a JWT, unverified."""
    part = token.split(".")[1]
    decoded = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert isinstance(decoded, dict)
    return decoded


def compact(
    header: Mapping[str, Any] | bytes,
    payload: Mapping[str, Any] | bytes,
    key: PrivateKey | bytes | None = None,
) -> str:
    """RFC 7515 §7.1: a JWS of exactly this header and payload; octets go in as they are.

    Signed by a private key, by HMAC with a secret, or not at all: its signature is empty then.
    """
    signing_input = f"{_octets(header)}.{_octets(payload)}"
    signature = b""
    if isinstance(key, bytes):
        signature = hmac.digest(key, signing_input.encode(), "sha256")
    elif key is not None:
        signature = ALGORITHMS[key.alg].sign(signing_input.encode(), key.key)
    return f"{signing_input}.{base64url(signature)}"


def _octets(part: Mapping[str, Any] | bytes) -> str:
    return base64url(part if isinstance(part, bytes) else json.dumps(part).encode())
