"""What lets the user tell this request from another one that runs at the same time."""

from django_ciba.models import Client
from django_ciba.protocol.errors import InvalidRequest
from django_ciba.protocol.parameters import Parameters


def the_context_is_unique(parameters: Parameters, client: Client) -> None:
    """FAPI-CIBA §5.2.2 (2): a binding message, or authorization details that say what for."""
    if client.is_fapi and not (
        parameters.get("binding_message") or parameters.get("authorization_details")
    ):
        raise InvalidRequest(
            "binding_message is needed (or authorization_details): the user must be able to tell "
            "this request from another"
        )
