"""What went over the wire, for people to read: secrets shortened, JWTs opened."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import requests

SECRETS = {
    "access_token",
    "auth_req_id",
    "client_assertion",
    "id_token",
    "refresh_token",
    "request",
}
LONGEST = 80


@dataclass
class Exchange:
    """One request and its answer."""

    method: str
    path: str
    headers: dict[str, str]
    parameters: dict[str, str]
    status: int
    reason: str
    answer: Any
    opened: dict[str, Any] = field(default_factory=dict)  # the claims of each JWT in it
    times: int = 1

    def same_as(self, other: "Exchange") -> bool:
        """Whether it is the same question with the same answer, as polls are."""
        ours = (self.method, self.path, self.status, self.answer)
        return ours == (other.method, other.path, other.status, other.answer)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def exchange(response: requests.Response) -> Exchange:
    """The exchange that ended with `response`."""
    asked = response.request
    body = asked.body.decode() if isinstance(asked.body, bytes) else asked.body or ""
    parameters = dict(parse_qsl(body))
    try:
        answer = response.json()
    except ValueError:
        answer = response.text
    received = answer if isinstance(answer, dict) else {}
    parts = urlsplit(asked.url or "")
    authorization = asked.headers.get("Authorization")
    return Exchange(
        method=asked.method or "",
        path=parts.path + (f"?{parts.query}" if parts.query else ""),
        headers={"Authorization": _authorization(str(authorization))} if authorization else {},
        parameters=shortened(parameters),
        status=response.status_code,
        reason=response.reason,
        answer=shortened(answer),
        opened={
            name: claims
            for name, value in (parameters | received).items()
            if name in SECRETS and (claims := _claims(value)) is not None
        },
    )


def shortened(value: Any, name: str = "") -> Any:
    """The same JSON without secrets and long texts."""
    if isinstance(value, dict):
        return {each: shortened(inner, each) for each, inner in value.items()}
    if isinstance(value, list):
        return [shortened(inner, name) for inner in value]
    if isinstance(value, str) and (name in SECRETS or len(value) > LONGEST):
        return f"{value[: 8 if name in SECRETS else 40]}… ({len(value)} characters)"
    return value


def pretty(value: Any) -> str:
    """JSON on several lines."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _authorization(value: str) -> str:
    scheme, _, credentials = value.partition(" ")
    return f"{scheme} {shortened(credentials, 'access_token')}"


def _claims(value: Any) -> dict[str, Any] | None:
    """What a JWT says, unverified; None when the value is none."""
    try:
        opened = jwt.decode_complete(value, options={"verify_signature": False})
    except jwt.PyJWTError:
        return None
    return {"header": opened["header"], "claims": opened["payload"]}
