"""What the tests of client assertions share: one sent by itself, and how a bad one is refused."""

from typing import Any

from tests.conformance.wire import refused
from tests.relying_party import ASSERTION_TYPE, RelyingParty


def send(rp: RelyingParty, assertion: str, **beside: str) -> Any:
    """A good signed request, with this assertion as the client's only proof."""
    parameters = {
        "request": rp.signed_request(),
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
        **beside,
    }
    return rp.post("bc-authorize", parameters, authenticated=False)


def unproved(answer: Any, words: str) -> None:
    refused(answer, "invalid_client", words, status=401)
    assert answer.json()["error_description"].startswith("client_assertion")
    assert "WWW-Authenticate" not in answer
