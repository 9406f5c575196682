"""What a site needs to test its own journeys: a relying party, a device, realms, clients.

Nothing here is for production. `django_ciba.testing.fixtures` has pytest fixtures; everything else
works without pytest.
"""

from django_ciba.testing.callback_server import CallbackServer, Received, status
from django_ciba.testing.device import Device
from django_ciba.testing.provider import (
    do_what_is_due,
    find,
    make_client,
    make_journey,
    make_realm,
    push_journey,
)
from django_ciba.testing.relying_party import RelyingParty

__all__ = [
    "CallbackServer",
    "Device",
    "Received",
    "RelyingParty",
    "do_what_is_due",
    "find",
    "make_client",
    "make_journey",
    "make_realm",
    "push_journey",
    "status",
]
