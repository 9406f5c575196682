"""May this client use CIBA at all?"""

from django_ciba.delivery import the_mode_serves
from django_ciba.models import Client
from django_ciba.protocol.errors import UnauthorizedClient
from django_ciba.protocol.names import CIBA_GRANT_TYPE


def the_client_may_use_ciba(client: Client) -> None:
    """CIBA Core §13: unauthorized_client unless the client is registered for the CIBA grant.

    And for a delivery mode that is open to it here, and that goes with the two steps if it takes
    those. Registration refuses what does not; this client may have been stored in another way.
    """
    if CIBA_GRANT_TYPE not in client.grant_types:
        raise UnauthorizedClient(f"this client is not registered for {CIBA_GRANT_TYPE}")
    the_mode_serves(client)
    polls = client.backchannel_token_delivery_mode == Client.DeliveryMode.POLL
    if client.two_step_user_code and (client.is_fapi or not polls):
        raise UnauthorizedClient("two_step_user_code is for clients that poll, and not for FAPI")
