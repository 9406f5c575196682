"""What the client asks the user to allow, in detail (RFC 9396)."""

from typing import Any

from django_ciba.authorization_details import PARAMETER, requested_details, the_object_conforms
from django_ciba.models import Client
from django_ciba.protocol.errors import InvalidAuthorizationDetails
from django_ciba.protocol.parameters import Parameters


def authorization_details(parameters: Parameters, client: Client) -> list[dict[str, Any]]:
    """RFC 9396 §2, §3, §5: objects of types that realm and client know, each of its type's form.

    [] when there are none. Raises InvalidAuthorizationDetails for the first that is not so.
    """
    asked = requested_details(parameters)
    allowed = client.details_types if asked else {}
    for at, each in enumerate(asked):
        place = f"{PARAMETER}[{at}]"
        if each["type"] not in allowed:
            raise InvalidAuthorizationDetails(
                f"{place}.type is not one that this client may ask for"
            )
        the_object_conforms(each, allowed[each["type"]], place)
    return asked
