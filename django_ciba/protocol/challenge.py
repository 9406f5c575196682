"""The WWW-Authenticate header of a protected resource (RFC 6750 §3, RFC 9449 §7.1)."""

from collections.abc import Collection

from django_ciba.protocol.errors import ALLOWED_DESCRIPTION


def challenge(realm: str, **attributes: str) -> str:
    """RFC 6750 §3: the value of WWW-Authenticate. Without attributes it is the bare challenge.

    Raises ValueError for a value that would need quoting: we write only what cannot break out.
    """
    return _challenge("Bearer", {"realm": realm, **attributes})


def dpop_challenge(realm: str, algs: Collection[str], **attributes: str) -> str:
    """RFC 9449 §7.1: the same for DPoP, with the algorithms that a proof may be signed with."""
    return _challenge("DPoP", {"realm": realm, **attributes, "algs": " ".join(algs)})


def _challenge(scheme: str, pairs: dict[str, str]) -> str:
    for name, value in pairs.items():
        if not ALLOWED_DESCRIPTION.fullmatch(value):
            raise ValueError(f"{name} cannot stand in a WWW-Authenticate header: {value!r}")
    return f"{scheme} " + ", ".join(f'{name}="{value}"' for name, value in pairs.items())
