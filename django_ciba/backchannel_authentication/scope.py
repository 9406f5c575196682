"""What the client asks for (CIBA Core §7.1 scope)."""

from django_ciba.models import Client
from django_ciba.protocol.errors import InvalidScope
from django_ciba.protocol.names import OPENID_SCOPE
from django_ciba.protocol.parameters import Parameters


def requested_scope(parameters: Parameters, client: Client) -> str:
    """CIBA Core §7.1: scope holds openid, and only what client and realm allow; as asked, once."""
    values = list(dict.fromkeys((parameters.text("scope") or "").split(" ")))
    if OPENID_SCOPE not in values:
        raise InvalidScope("scope must hold openid")
    if not set(values) <= client.scopes:
        raise InvalidScope(f"this client may ask for {' '.join(sorted(client.scopes))}")
    return " ".join(values)
