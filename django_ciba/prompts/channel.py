"""The contract of a channel. A site's own is a subclass named in PROMPT_CHANNELS."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the user is told. Approving happens at `url` only, never in the message itself."""

    user: AbstractBaseUser
    client_name: str
    binding_message: str
    url: str
    expires_at: datetime  # the last moment for an answer to this prompt
    ui_locales: str


class Channel(ABC):
    """One way to reach a user besides the inbox."""

    @abstractmethod
    def reaches(self, user: AbstractBaseUser) -> bool:
        """Whether this user can be reached this way; without a statement if possible."""

    @abstractmethod
    def send(self, prompt: Prompt) -> None:
        """Tell the user. Raises outbox.TryAgain or outbox.GiveUp; anything else is tried again."""
