"""Channels that take their time, and say in files of the site what they are doing."""

import os
import time
from pathlib import Path
from typing import Final

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser

from django_ciba.prompts import Channel, Prompt

PATIENCE: Final = 60.0  # seconds that a channel waits for what a test does


def note(name: str, line: str) -> None:
    """Append one line, whole, to a file of the site."""
    with (Path(settings.VAR) / name).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


class HeldChannel(Channel):
    """Reaches bob: notes that it has begun, and is through when there is a file `go`."""

    def reaches(self, user: AbstractBaseUser) -> bool:
        return user.get_username() == "bob"

    def send(self, prompt: Prompt) -> None:
        note("begun", f"{os.getpid()} {prompt.binding_message}")
        until = time.monotonic() + PATIENCE
        while not (Path(settings.VAR) / "go").exists():
            if time.monotonic() > until:
                raise TimeoutError("no test said go")
            time.sleep(0.02)
        note("sent", f"{os.getpid()} {prompt.binding_message}")


class MeetingChannel(Channel):
    """Reaches everybody, once a second process is sending as well."""

    def reaches(self, user: AbstractBaseUser) -> bool:
        return True

    def send(self, prompt: Prompt) -> None:
        folder = Path(settings.VAR) / "senders"
        folder.mkdir(exist_ok=True)
        (folder / str(os.getpid())).touch()
        until = time.monotonic() + PATIENCE
        while len(list(folder.iterdir())) < 2:
            if time.monotonic() > until:
                raise TimeoutError("no second process sends")
            time.sleep(0.02)
        time.sleep(0.01)
        note("sent", f"{os.getpid()} {prompt.url}")
