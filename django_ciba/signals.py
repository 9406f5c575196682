"""What a host site can listen to.

Each signal is sent after the commit, with `authentication_request` (an `AuthenticationRequest`);
receivers' exceptions are logged, not raised.
"""

from typing import Any

from django.db import transaction
from django.dispatch import Signal

request_created = Signal()
request_approved = Signal()
request_denied = Signal()
request_failed = Signal()
request_expired = Signal()
request_cancelled = Signal()
request_redeemed = Signal()
request_reported = Signal()


def announce(signal: Signal, authentication_request: Any) -> None:
    """Send one of these after the commit; a receiver's exception is logged and changes nothing."""

    # Not a partial: Django cannot name one when it logs what a robust callback raised.
    def send() -> None:
        signal.send_robust(
            sender=type(authentication_request), authentication_request=authentication_request
        )

    transaction.on_commit(send, using=authentication_request._state.db, robust=True)
