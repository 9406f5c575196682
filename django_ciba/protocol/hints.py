"""Who a hint means, as the relying party said it (CIBA Core §7.1, RFC 9493)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django_ciba.protocol.errors import InvalidRequest

MAX_HINT_LENGTH: Final = 1000

# RFC 9493 §3.2: format to the members that it needs.
SUBJECT_FORMATS: Final[dict[str, tuple[str, ...]]] = {
    "iss_sub": ("iss", "sub"),
    "email": ("email",),
    "phone_number": ("phone_number",),
    "account": ("uri",),
    "opaque": ("id",),
}
# The object of the two-step user code flow names its one member after what it holds.
SINGLE_MEMBER_FORMATS: Final = ("personal_number", "msisdn")


@dataclass(frozen=True, slots=True)
class PlainHint:
    """A bare string: a user name, an e-mail address, a user id; the site's hook decides."""

    value: str


@dataclass(frozen=True, slots=True)
class SubjectIdentifier:
    """RFC 9493: a subject by `format`, with that format's members as strings."""

    format: str
    members: Mapping[str, str]


UserHint = PlainHint | SubjectIdentifier


def subject_identifier(value: Mapping[str, Any]) -> SubjectIdentifier:
    """RFC 9493 §3: the object as a subject identifier; InvalidRequest when it is none."""
    if "format" not in value:
        named = [name for name in SINGLE_MEMBER_FORMATS if name in value]
        if len(named) != 1 or len(value) != 1:
            raise InvalidRequest(
                "a login_hint object needs a format (RFC 9493), or exactly one of "
                + ", ".join(SINGLE_MEMBER_FORMATS)
            )
        return SubjectIdentifier(named[0], {named[0]: _member(value, named[0])})
    name = value["format"]
    if not isinstance(name, str) or name not in SUBJECT_FORMATS:
        raise InvalidRequest(f"the format of a subject is one of {', '.join(SUBJECT_FORMATS)}")
    return SubjectIdentifier(
        name, {member: _member(value, member) for member in SUBJECT_FORMATS[name]}
    )


def _member(value: Mapping[str, Any], name: str) -> str:
    member = value.get(name)
    if not isinstance(member, str) or not 0 < len(member) <= MAX_HINT_LENGTH or "\0" in member:
        raise InvalidRequest(f"the subject needs {name} as a non-empty string")
    return member
