"""The only place tokens are made and leave."""

from django_ciba.tokens.issue import redeemed_tokens, refreshed_tokens

__all__ = ["redeemed_tokens", "refreshed_tokens"]
