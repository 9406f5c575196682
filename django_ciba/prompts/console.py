"""Prompts on standard output, for development."""

import sys

from django.contrib.auth.models import AbstractBaseUser

from django_ciba.prompts.channel import Channel, Prompt


class ConsoleChannel(Channel):
    """Says who is asked what, and the link or the passcode to answer with."""

    carries_secrets = True

    def reaches(self, user: AbstractBaseUser) -> bool:
        return True

    def send(self, prompt: Prompt) -> None:
        answer_with = f"passcode {prompt.passcode}" if prompt.passcode else f"-> {prompt.url}"
        sys.stdout.write(
            f"[prompt for {prompt.user.get_username()}] {prompt.client_name} asks for your "
            f"approval: {prompt.binding_message or '(no message)'} {answer_with}\n"
        )
        sys.stdout.flush()
