"""The only place tokens are made and leave."""

from django_ciba.tokens.introspection import introspected
from django_ciba.tokens.issue import (
    Narrowed,
    pushed_tokens,
    redeemed_tokens,
    refreshed_tokens,
)
from django_ciba.tokens.middle_token import middle_token_response, named_by_middle_token
from django_ciba.tokens.requested_claims import requested_claims
from django_ciba.tokens.revocation import end_the_grant
from django_ciba.tokens.signed_answers import (
    INTROSPECTION_TYPE,
    signed_introspection,
    signed_userinfo,
)

__all__ = [
    "INTROSPECTION_TYPE",
    "Narrowed",
    "end_the_grant",
    "introspected",
    "middle_token_response",
    "named_by_middle_token",
    "pushed_tokens",
    "redeemed_tokens",
    "refreshed_tokens",
    "requested_claims",
    "signed_introspection",
    "signed_userinfo",
]
