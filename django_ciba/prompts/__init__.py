"""Channels by which the user learns that a request waits in the inbox."""

from django_ciba.prompts.channel import Channel, Prompt
from django_ciba.prompts.registry import channel, ended, reachable_channels, send

__all__ = ["Channel", "Prompt", "channel", "ended", "reachable_channels", "send"]
