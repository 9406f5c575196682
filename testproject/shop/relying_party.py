"""A relying party that speaks CIBA in poll mode: all that a client needs, in one file.

    party = RelyingParty("https://op.example.com/oauth2", "shop", key)
    waiting = party.ask(login_hint="alice", binding_message="Pay £9.50 (CS-1234)")
    while (tokens := party.poll(waiting)) is None:
        time.sleep(waiting.seconds_left())
    who = party.verified(tokens)

Nothing here knows Django or the provider's code: it works with any OpenID Provider for CIBA.
"""

import base64
import hashlib
import time
import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote_plus

import jwt
import requests

CIBA_GRANT = "urn:openid:params:grant-type:ciba"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALG = "ES256"

Json = dict[str, Any]


class Refused(Exception):
    """RFC 6749 §5.2: the provider said no: `error` for programs, `description` for developers."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description


@dataclass
class Waiting:
    """CIBA Core §7.3: an acknowledged request, and when it may be asked about again."""

    auth_req_id: str
    interval: float
    expires_at: float
    next_poll_at: float
    number: str = ""  # django_ciba's own: for us to show, and for the user to find again

    def seconds_left(self) -> float:
        return max(0.0, self.next_poll_at - time.time())


class RelyingParty:
    def __init__(
        self,
        issuer: str,
        client_id: str,
        key: Json,
        *,
        secret: str = "",
        metadata: Json | None = None,
        http: requests.Session | None = None,
    ) -> None:
        """`key`: our private JWK. With `secret` we send it (Basic), else a JWT signed with `key`.

        `metadata`: what an earlier instance discovered, to spare asking again.
        """
        self.issuer = issuer
        self.client_id = client_id
        self.key = key
        self.secret = secret
        self.http = http or requests.Session()
        if metadata is not None:
            self.metadata = metadata

    @cached_property
    def metadata(self) -> Json:
        """OpenID Connect Discovery §4: where everything is, from the issuer that we trust."""
        found = _read(self.http.get(f"{self.issuer}/.well-known/openid-configuration", timeout=10))
        if found["issuer"] != self.issuer:
            raise Refused("wrong_issuer", f"{self.issuer} says that it is {found['issuer']}")
        return found

    def ask(self, **parameters: str | int) -> Waiting:
        """CIBA Core §7.1.1: start, with a signed request; returns what to poll for."""
        answer = _read(
            self._post(
                self.metadata["backchannel_authentication_endpoint"],
                {"request": self._signed({"scope": "openid profile", **parameters})},
            )
        )
        now, interval = time.time(), answer.get("interval", 5)
        return Waiting(
            auth_req_id=answer["auth_req_id"],
            interval=interval,
            expires_at=now + answer["expires_in"],
            next_poll_at=now + interval,
            number=answer.get("django_ciba_number", ""),
        )

    def poll(self, waiting: Waiting) -> Json | None:
        """CIBA Core §10.1.1, §11: the tokens; None while the user has not answered.

        Keeps to the interval by moving `waiting.next_poll_at`. Raises Refused once it is over, and
        requests.RequestException when the provider stays out of reach until then.
        """
        data = {"grant_type": CIBA_GRANT, "auth_req_id": waiting.auth_req_id}
        try:
            return _read(self._post(self.metadata["token_endpoint"], data))
        except requests.RequestException:
            if time.time() >= waiting.expires_at:
                raise
            waiting.interval = min(60, waiting.interval * 2)  # ask less often those in trouble
        except Refused as refused:
            if refused.error == "slow_down":
                waiting.interval += 5
            elif refused.error != "authorization_pending":
                raise
        waiting.next_poll_at = time.time() + waiting.interval
        return None

    def refresh(self, refresh_token: str) -> Json:
        """RFC 6749 §6: new tokens; the old refresh token is worth nothing any more."""
        data = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return _read(self._post(self.metadata["token_endpoint"], data))

    def verified(self, tokens: Json) -> Json:
        """OpenID Connect Core §3.1.3.7, §3.1.3.8: the ID token's claims, once nothing is wrong.

        Raises jwt.PyJWTError.
        """
        keys = jwt.PyJWKSet.from_dict(_read(self.http.get(self.metadata["jwks_uri"], timeout=10)))
        kid = jwt.get_unverified_header(tokens["id_token"]).get("kid")
        key = next((each for each in keys.keys if each.key_id == kid), None)
        if key is None:
            raise jwt.InvalidTokenError("signed with a key that the provider does not publish")
        claims: Json = jwt.decode(
            tokens["id_token"],
            key,
            algorithms=[ALG],  # what we registered for, not what the token says of itself
            audience=self.client_id,
            issuer=self.issuer,
            options={"require": ["iss", "sub", "aud", "exp", "iat", "auth_time", "at_hash"]},
        )
        half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
        if claims["at_hash"] != base64.urlsafe_b64encode(half).rstrip(b"=").decode():
            raise jwt.InvalidTokenError("at_hash belongs to another access token")
        return claims

    def userinfo(self, access_token: str, subject: str) -> Json:
        """OpenID Connect Core §5.3: more about the user; for the same subject, or it is nothing."""
        bearer = {"Authorization": f"Bearer {access_token}"}
        found = _read(self.http.get(self.metadata["userinfo_endpoint"], headers=bearer, timeout=10))
        if found["sub"] != subject:
            raise Refused("wrong_subject", "userinfo speaks of somebody else")
        return found

    def _post(self, url: str, data: dict[str, str]) -> requests.Response:
        """RFC 6749 §2.3.1, RFC 7523 §2.2: say who we are, by secret or by signature."""
        if self.secret:
            pair = (quote_plus(self.client_id), quote_plus(self.secret))
            return self.http.post(url, data, auth=pair, timeout=10)
        assertion = self._signed({"sub": self.client_id})
        proof = {"client_assertion_type": JWT_BEARER, "client_assertion": assertion}
        return self.http.post(url, data | proof, timeout=10)

    def _signed(self, claims: Json) -> str:
        """CIBA Core §7.1.1: from us, to the issuer, good for five minutes, once."""
        now = int(time.time())
        ours = {"iss": self.client_id, "aud": self.issuer, "jti": str(uuid.uuid4())}
        times = {"iat": now, "nbf": now, "exp": now + 300}
        headers = {"kid": self.key["kid"]}
        return jwt.encode(claims | ours | times, jwt.PyJWK(self.key), ALG, headers)


def _read(answer: requests.Response) -> Json:
    """The JSON of an answer. Raises Refused, or requests.RequestException if it makes no sense."""
    if answer.status_code >= 500:
        answer.raise_for_status()
    body: Json = answer.json()
    if not answer.ok:
        raise Refused(body.get("error", str(answer.status_code)), body.get("error_description", ""))
    return body
