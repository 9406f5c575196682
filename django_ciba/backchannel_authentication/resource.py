"""Which resources the tokens shall be for (RFC 8707)."""

from django_ciba.models import Realm
from django_ciba.protocol.parameters import Parameters
from django_ciba.protocol.resource import requested_resources


def requested_resource(parameters: Parameters, realm: Realm) -> list[str]:
    """RFC 8707 §2.1: absolute URIs that the realm knows; [] when the client names none."""
    return requested_resources(parameters, realm.resources)
