"""The contract of a channel. A site's own is a subclass named in PROMPT_CHANNELS."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

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
    public_id: str = ""  # of the request, for messages that say no more
    passcode: str = ""  # to be typed, where a journey sends one


class Channel(ABC):
    """One way to reach a user besides the inbox.

    `carries_secrets`: whether what it carries is read by the user alone, so that a passcode or a
    link that answers without a login may go by it.
    """

    carries_secrets: ClassVar[bool] = False

    @abstractmethod
    def reaches(self, user: AbstractBaseUser) -> bool:
        """Whether this user can be reached this way; without a statement if possible."""

    @abstractmethod
    def send(self, prompt: Prompt) -> None:
        """Tell the user. Raises outbox.TryAgain or outbox.GiveUp; anything else is tried again."""
