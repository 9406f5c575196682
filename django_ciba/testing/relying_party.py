"""A relying party: signs requests, polls, is called, and believes no ID token unverified.

Everything that it sends can be changed, wrong values included.
"""

import base64
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote_plus, urlencode, urlsplit

from django.test import Client as HttpClient

from django_ciba.jose import PrivateKey, base64url, sign, verification_keys, verify
from django_ciba.jose.algorithms import ALGORITHMS
from django_ciba.models import Client
from django_ciba.testing import provider
from django_ciba.testing.callback_server import CallbackServer
from django_ciba.tokens.id_token import token_hash

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse
else:
    from django.http import HttpResponse as _MonkeyPatchedWSGIResponse

Answer: TypeAlias = _MonkeyPatchedWSGIResponse
CIBA = "urn:openid:params:grant-type:ciba"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = "application/x-www-form-urlencoded"
PUSH_CLAIM = "urn:openid:params:jwt:claim:"


@dataclass(kw_only=True)
class RelyingParty:
    """Speaks to one realm as one client, over HTTP.

    `issuer` and `mount`, the path of the realm's endpoints, are those of the client's realm. `key`
    signs requests and assertions, `secret` is the client's. With `callback`, requests carry a
    client_notification_token, and `pings` and `pushed` read what came there.
    """

    client: Client
    key: PrivateKey = field(default_factory=partial(provider.key, "ES256", "client"))
    secret: str = ""
    http: HttpClient = field(default_factory=HttpClient)
    issuer: str = ""
    mount: str = ""
    signed: bool = True
    login_hint: str = ""
    callback: CallbackServer | None = None
    client_notification_token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    log: list[Answer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.issuer = self.issuer or self.client.realm.issuer
        self.mount = self.mount or urlsplit(self.client.realm.endpoint("")).path

    def now(self) -> int:
        return int(time.time())

    def request_claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good signed request, for `login_hint`; a change to None removes one."""
        claims: dict[str, Any] = {
            "iss": self.client.client_id,
            "aud": self.issuer,
            "exp": self.now() + 300,
            "scope": "openid profile",
            "login_hint": self.login_hint or None,
        }
        if self.callback is not None:
            claims["client_notification_token"] = self.client_notification_token
        if self.client.is_fapi:
            claims |= {"iat": self.now(), "nbf": self.now(), "jti": secrets.token_hex(16)}
        claims |= changes
        return {name: value for name, value in claims.items() if value is not None}

    def signed_request(self, **changes: Any) -> str:
        return sign(self.request_claims(**changes), self.key)

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
        claims = self.assertion_claims(**changes)
        if self.client.token_endpoint_auth_method == "client_secret_jwt":
            return compact({"alg": "HS256"}, claims, self.secret.encode())
        return sign(claims, self.key)

    def credentials(self) -> tuple[dict[str, str], dict[str, str]]:
        """(form parameters, headers) of this client's registered method."""
        method = self.client.token_endpoint_auth_method
        if method == "client_secret_basic":
            return {}, {"Authorization": basic(self.client.client_id, self.secret)}
        if method == "client_secret_post":
            return {"client_id": self.client.client_id, "client_secret": self.secret}, {}
        if method in ("tls_client_auth", "self_signed_tls_client_auth"):
            return {"client_id": self.client.client_id}, {}  # and the certificate, beside it
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

    def poll(
        self, auth_req_id: str, *, headers: Mapping[str, str] | None = None, **changes: Any
    ) -> Answer:
        parameters = {"grant_type": CIBA, "auth_req_id": auth_req_id, **changes}
        present = {name: value for name, value in parameters.items() if value is not None}
        return self.post("access_token", present, headers=headers)

    def refresh(
        self, refresh_token: str, *, headers: Mapping[str, str] | None = None, **changes: Any
    ) -> Answer:
        return self.post(
            "access_token",
            {"grant_type": "refresh_token", "refresh_token": refresh_token, **changes},
            headers=headers,
        )

    def userinfo(self, access_token: str, **headers: str) -> Answer:
        return self.http.get(
            self.mount + "userinfo", headers={"Authorization": f"Bearer {access_token}", **headers}
        )

    def cancel(self, auth_req_id: str) -> Answer:
        """bc-authorize/cancel, our own: the request is not to be answered any more."""
        return self.post("bc-authorize/cancel", {"auth_req_id": auth_req_id})

    # what a careful client does with what it is given

    def tokens(self, auth_req_id: str) -> dict[str, Any]:
        """CIBA Core §10.1: poll once, and verify what came; AssertionError for a refusal."""
        answer = self.poll(auth_req_id)
        assert answer.status_code == 200, answer.content
        tokens: dict[str, Any] = answer.json()
        self.verified_id_token(tokens)
        return tokens

    def verified_id_token(self, tokens: Mapping[str, Any]) -> dict[str, Any]:
        """OpenID Connect Core §3.1.3.7: the claims of the ID token of a token response.

        The keys are read from the realm's JWK Set, as it is now. AssertionError or JoseError for a
        token that a client must not believe.
        """
        keys = verification_keys(self.http.get(f"{self.mount}connect/jwk_uri").json())
        alg = self.client.id_token_signed_response_alg
        claims = verify(tokens["id_token"], keys, algs=[alg]).claims
        assert claims["iss"] == self.issuer
        assert claims["aud"] == self.client.client_id
        assert claims["iat"] - 60 <= self.now() < claims["exp"]
        assert claims["at_hash"] == token_hash(tokens["access_token"], alg)
        return claims

    def _calls(self) -> list[dict[str, Any]]:
        assert self.callback is not None, "this relying party has no callback server"
        authorization = f"Bearer {self.client_notification_token}"
        for each in self.callback.received:
            assert each.headers["authorization"] == authorization, "called with another token"
        return self.callback.bodies

    def pings(self) -> list[str]:
        """CIBA Core §10.2: the auth_req_ids that this client has been pinged about, in order."""
        calls = self._calls()
        assert all(set(each) == {"auth_req_id"} for each in calls), calls
        return [each["auth_req_id"] for each in calls]

    def pushed(self, auth_req_id: str) -> dict[str, Any]:
        """CIBA Core §10.3.1, §12: what was pushed for that request: verified tokens, or an error.

        AssertionError unless it came, the same each time that it came.
        """
        found = [each for each in self._calls() if each["auth_req_id"] == auth_req_id]
        assert found, "nothing was pushed for this auth_req_id"
        assert all(each == found[0] for each in found), "two pushes differ"
        if "error" not in found[0]:
            claims = self.verified_id_token(found[0])
            assert claims[f"{PUSH_CLAIM}auth_req_id"] == auth_req_id
            if "refresh_token" in found[0]:
                alg = self.client.id_token_signed_response_alg
                expected = token_hash(found[0]["refresh_token"], alg)
                assert claims[f"{PUSH_CLAIM}rt_hash"] == expected
        return found[0]


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
