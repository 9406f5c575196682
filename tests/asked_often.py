"""Realm settings for tests that ask one user over and over, and are about something else."""

from typing import Any, Final

ASKED_OFTEN: Final[dict[str, Any]] = {
    "open_prompts_per_user": 1_000_000,
    "open_prompts_per_client": 1_000_000,
    "prompts_per_user": 1_000_000,
    "denials_before_cool_down": 1_000_000,
}
