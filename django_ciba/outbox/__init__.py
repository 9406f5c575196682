"""Messages that must go out: the database is the truth, Celery only a wake-up (design §6)."""

from django_ciba.outbox.wake_up import wake_up
from django_ciba.outbox.worker import Ending, GiveUp, Sender, TryAgain, Withdrawn, deliver

__all__ = ["Ending", "GiveUp", "Sender", "TryAgain", "Withdrawn", "deliver", "wake_up"]
