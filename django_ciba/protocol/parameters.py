"""The parameters of a request: one parser, one reading.

RFC 6749 §3.1, §3.2: a parameter without a value counts as absent, none may come twice (but
`resource`, RFC 8707 §2), and unknown ones are ignored.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from django_ciba.protocol.errors import InvalidRequest

FORM_TYPE: Final = "application/x-www-form-urlencoded"
MAX_PARAMETERS: Final = 100
# RFC 8707 §2: the one parameter that a form may hold more than once.
REPEATABLE: Final = "resource"


class Parameters(Mapping[str, Any]):
    """Parameter name to value; absent, empty and null ones are not in it.

    A form gives strings, and a list of them for a repeated `resource`; a signed request (CIBA Core
    §7.1.1) gives any JSON value, so the readers below say which type a rule takes.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {
            name: value for name, value in values.items() if value is not None and value != ""
        }

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def text(self, name: str) -> str | None:
        """The string value of `name`, or None; InvalidRequest when it is of another type."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise InvalidRequest(f"{name} must be a string")
        if "\0" in value:
            raise InvalidRequest(f"{name} holds NUL")
        return value

    def needed(self, name: str) -> str:
        """The string value of `name`; InvalidRequest when there is none."""
        value = self.text(name)
        if value is None:
            raise InvalidRequest(f"{name} is missing")
        return value


def form_parameters(body: bytes, content_type: str) -> Parameters:
    """RFC 6749 §3.2: the parameters of a form-encoded body.

    Raises InvalidRequest for another content type, a charset other than UTF-8, more than
    MAX_PARAMETERS fields, bytes that are not UTF-8, NUL, and a parameter sent twice. Only
    `resource` may be (RFC 8707 §2): its values are then a list, without empty ones.
    """
    _form_type(content_type)
    try:
        text = body.decode("utf-8")
        fields = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except UnicodeDecodeError:
        raise InvalidRequest("the body is not UTF-8: percent-encode UTF-8 bytes") from None
    except ValueError:
        raise InvalidRequest(f"more than {MAX_PARAMETERS} parameters") from None
    values: dict[str, str | list[str]] = {}
    repeated: list[str] = []
    for name, value in fields:
        if "\0" in name or "\0" in value:
            raise InvalidRequest("NUL is not allowed in a parameter")
        if name == REPEATABLE:
            repeated += [value] if value else []
        elif name in values:
            raise InvalidRequest("a parameter was sent more than once: send each once")
        else:
            values[name] = value
    if repeated:
        values[REPEATABLE] = repeated if len(repeated) > 1 else repeated[0]
    return Parameters(values)


def _form_type(content_type: str) -> None:
    """RFC 6749 Appendix B: form-encoded, in UTF-8."""
    media_type, _, rest = content_type.partition(";")
    if media_type.strip().lower() != FORM_TYPE:
        raise InvalidRequest(f"send the parameters as {FORM_TYPE}")
    for parameter in rest.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in (
            "utf-8",
            "utf8",
        ):
            raise InvalidRequest("send the parameters in UTF-8")
