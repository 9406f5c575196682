"""The number that the client shows and the user must find again (`push_type` challenge).

Who approves by habit, or for a stranger on the telephone, has no number to match: prompts that are
answered by one button alone are what push fatigue lives on.
"""

import hashlib
import secrets

from django_ciba.models import AuthenticationRequest
from django_ciba.models.secrets import secret_keys

CHOICES = 3
FIRST, LAST = 10, 99


def new_number() -> str:
    """Two digits, for the client to show."""
    return str(FIRST + secrets.randbelow(LAST - FIRST + 1))


def choices(found: AuthenticationRequest) -> list[str]:
    """The request's number among others, in ascending order.

    The others are the same each time that the page is loaded, and for each prompt, or the one that
    stays would be known for the right one: the number itself is the request's, since its client is
    told once.
    """
    seed = f"django_ciba.journeys.number_matching\0{secret_keys()[0]}\0{found.public_id}"
    among, round_ = {found.number}, 0
    while len(among) < CHOICES:
        octets = hashlib.sha256(f"{seed}\0{round_}".encode()).digest()
        among.add(str(FIRST + int.from_bytes(octets[:8]) % (LAST - FIRST + 1)))
        round_ += 1
    return sorted(among)
