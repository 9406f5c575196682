"""The WWW-Authenticate header of a protected resource (RFC 6750 §3)."""

from django_ciba.protocol.errors import ALLOWED_DESCRIPTION


def challenge(realm: str, **attributes: str) -> str:
    """RFC 6750 §3: the value of WWW-Authenticate. Without attributes it is the bare challenge.

    Raises ValueError for a value that would need quoting: we write only what cannot break out.
    """
    pairs = {"realm": realm, **attributes}
    for name, value in pairs.items():
        if not ALLOWED_DESCRIPTION.fullmatch(value):
            raise ValueError(f"{name} cannot stand in a WWW-Authenticate header: {value!r}")
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in pairs.items())
