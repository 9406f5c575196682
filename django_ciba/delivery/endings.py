"""How requests end that give no tokens, in the words that their clients read."""

from typing import Final

DENIED: Final = "The end user denied the request"
NOT_APPROVED: Final = "The request ended without the end user's approval"
CANCELLED: Final = "The request was cancelled before it was approved"
EXPIRED: Final = "the auth_req_id has expired: start a new authentication request"
LOCKED: Final = "The end user's account cannot be used"
