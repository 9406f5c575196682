"""Channels as a site would write them: one for secrets, and one that anybody can read."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser

from django_ciba.prompts import Channel, Prompt


class Postcard(Channel):
    """Reaches everybody, and everybody on its way can read it."""

    carried: ClassVar[list[Prompt]] = []

    def reaches(self, user: AbstractBaseUser) -> bool:
        return True

    def send(self, prompt: Prompt) -> None:
        self.carried.append(prompt)


class Pigeon(Postcard):
    """Reaches everybody; the user alone reads what it carries."""

    carries_secrets = True
    carried: ClassVar[list[Prompt]] = []


POSTCARD, PIGEON = f"{__name__}.Postcard", f"{__name__}.Pigeon"


def with_channels(settings: Any, *names: str) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "PROMPT_CHANNELS": list(names)}
