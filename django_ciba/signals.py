"""What a host site can listen to.

Each signal is sent after the commit, with `authentication_request` (an `AuthenticationRequest`);
receivers' exceptions are logged, not raised.
"""

from django.dispatch import Signal

request_created = Signal()
request_approved = Signal()
request_denied = Signal()
request_failed = Signal()
request_expired = Signal()
request_redeemed = Signal()
