"""Which resources a token is asked for (RFC 8707)."""

from collections.abc import Collection
from urllib.parse import urlsplit

from django_ciba.protocol.errors import InvalidTarget
from django_ciba.protocol.parameters import REPEATABLE, Parameters


def is_resource(value: object) -> bool:
    """RFC 8707 §2, RFC 3986 §4.3: whether it is an absolute URI without a fragment."""
    if not isinstance(value, str) or "#" in value or any(each.isspace() for each in value):
        return False
    try:
        return bool(urlsplit(value).scheme)
    except ValueError:
        return False


def requested_resources(parameters: Parameters, known: Collection[str]) -> list[str]:
    """RFC 8707 §2, §2.1: the resources asked for, each once, out of `known`; [] when none are.

    One is a string, several are a list of strings. Raises InvalidTarget.
    """
    value = parameters.get(REPEATABLE, [])
    asked = value if isinstance(value, list) else [value]
    if not all(is_resource(each) for each in asked):
        raise InvalidTarget("resource must be an absolute URI without fragment, or a list of them")
    if not set(asked) <= set(known):
        raise InvalidTarget("resource names one that tokens are not issued for here")
    return list(dict.fromkeys(asked))
