"""What users call their browsers, apps and passkeys: one rule, wherever they type it."""

from typing import Final

from django_ciba.protocol.legible import shows, stacks_marks

LONGEST_NAME: Final = 100


def name_from(given: str) -> str:
    """The name as it is kept: it shows as what it is. Raises ValueError that says what is wrong."""
    name = " ".join(filter(None, given.strip().split(" ")))
    if not 0 < len(name) <= LONGEST_NAME:
        raise ValueError(f"must have 1 to {LONGEST_NAME} characters")
    if stacks_marks(name) or not all(shows(name, at) for at in range(len(name))):
        raise ValueError("must not hold characters that do not show")
    return name
