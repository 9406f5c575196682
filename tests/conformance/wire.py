"""What a refusal on the wire must look like, and a clock that stands still."""

from typing import Any

import time_machine

from django_ciba.jose import verify
from django_ciba.models import AuthenticationRequest, Delivery, Realm
from tests.provider import approve
from tests.relying_party import Answer, RelyingParty

NOW = 1_800_000_000


def at(seconds: float = 0) -> Any:
    """A clock that stands still, `seconds` after the start of this test's day."""
    return time_machine.travel(NOW + seconds, tick=False)


def refused(
    answer: Answer, error: str, words: str = "", *, status: int = 400, stored: int = 0
) -> Answer:
    """RFC 6749 §5.2: the refusal as plain OAuth JSON that no cache keeps, and nothing was begun.

    `words` stand in the description; `stored` requests, with one prompt each, are from before.
    """
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    members = answer.json()
    assert set(members) == {"error", "error_description"}, members
    assert members["error"] == error, members
    assert words in members["error_description"], members
    assert AuthenticationRequest.objects.count() == stored
    assert Delivery.objects.count() == stored
    return answer


def accepted(answer: Answer) -> str:
    """CIBA Core §7.3: the auth_req_id of a good answer."""
    assert answer.status_code == 200, answer.content
    return str(answer.json()["auth_req_id"])


def tokens_of(rp: RelyingParty, **changes: Any) -> dict[str, Any]:
    """The token response of a request that its user has approved."""
    auth_req_id = rp.auth_req_id(**changes)
    approve(auth_req_id)
    answer = rp.poll(auth_req_id)
    assert answer.status_code == 200, answer.content
    members = answer.json()
    assert isinstance(members, dict)
    return members


def signed_by(realm: Realm, token: str, alg: str, typ: str) -> dict[str, Any]:
    """The claims of a JWT that the realm has signed for just that place."""
    verified = verify(token, realm.verification_keys, algs=(alg,), typ=(typ,))
    assert verified.header["typ"] == typ
    assert "kid" in verified.header
    return verified.claims
