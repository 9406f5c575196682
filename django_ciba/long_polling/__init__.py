"""Polls that wait for the user's answer (CIBA Core §7.3), under ASGI, without a thread each."""

from django_ciba.long_polling.application import LongPolling

__all__ = ["LongPolling"]
