"""Who sends a token must be who it was given to: DPoP (RFC 9449), certificates (RFC 8705 §3)."""

from django_ciba.proof_of_possession.nonces import new_nonce
from django_ciba.proof_of_possession.resource_request import (
    ELSEWHERE,
    Place,
    SentToken,
    challenges,
    sent_token,
)
from django_ciba.proof_of_possession.token_request import TokenSender, token_sender

__all__ = [
    "ELSEWHERE",
    "Place",
    "SentToken",
    "TokenSender",
    "challenges",
    "new_nonce",
    "sent_token",
    "token_sender",
]
