"""The relying party of our own tests: it asks for alice, and can send what no client should."""

from dataclasses import dataclass
from typing import Any

from django_ciba.testing.relying_party import (
    ASSERTION_TYPE,
    CIBA,
    FORM,
    Answer,
    basic,
    claims_of,
    compact,
)
from django_ciba.testing.relying_party import RelyingParty as BaseRelyingParty

__all__ = [
    "ASSERTION_TYPE",
    "CIBA",
    "FORM",
    "Answer",
    "RelyingParty",
    "basic",
    "claims_of",
    "compact",
]


@dataclass(kw_only=True)
class RelyingParty(BaseRelyingParty):
    """Asks for alice to pay unless a test says otherwise."""

    login_hint: str = "alice"

    def request_claims(self, **changes: Any) -> dict[str, Any]:
        return super().request_claims(**{"binding_message": "Pay £50 to Example (EB-1)", **changes})

    def send(self, token: str, **beside: str) -> Answer:
        """bc-authorize with this `request`, whatever it is, and parameters beside it."""
        return self.post("bc-authorize", {"request": token, **beside})
