"""The contract of a channel. A site's own is a subclass named in PROMPT_CHANNELS."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the user is told. Approving happens at `url` only, never in the message itself.

    With a `passcode`, tell that and leave `url` out: whoever is used to a link beside a passcode
    types it where any link leads. With `typed_at_client` the passcode is for the client and nobody
    else, and `url` is where the user denies it: that page has no field for it. `secret_link`: `url`
    answers without a login, so it is for the user's eyes alone.

    `taken_by` is for a channel that sends to several devices: it adds those that have the prompt,
    which is remembered with the delivery, so that trying again passes them by. Once it holds one,
    the prompt counts as delivered when there is no more time for the others.
    """

    user: AbstractBaseUser
    client_name: str
    binding_message: str
    url: str = field(repr=False)
    expires_at: datetime  # the last moment for an answer to this prompt
    ui_locales: str
    public_id: str = ""  # of the request, for messages that say no more
    passcode: str = field(default="", repr=False)  # to be typed, where a journey sends one
    typed_at_client: bool = False
    secret_link: bool = False
    seconds: int = field(default=0, compare=False)  # from now until `expires_at`
    taken_by: set[str] = field(default_factory=set, compare=False)


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
