"""Strict readers of the two encodings that JOSE is made of: base64url and JSON."""

import binascii
import json
import math
from base64 import urlsafe_b64encode
from typing import Any, Final

from .errors import Malformed

MAX_DEPTH: Final = 32
TO_STANDARD_ALPHABET: Final = bytes.maketrans(b"-_", b"+/")


def base64url(data: bytes) -> str:
    """RFC 7515 §2: base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """RFC 7515 §2: the octets of a base64url text, which has exactly one spelling.

    Errors: `Malformed` for padding, white space, foreign characters and stray trailing bits.
    """
    try:
        spelling = text.encode("ascii")
        data = binascii.a2b_base64(spelling.translate(TO_STANDARD_ALPHABET) + b"==")
    except ValueError:
        raise Malformed("not base64url") from None
    # The decoder is lenient. Writing its result again finds every departure in one comparison.
    if urlsafe_b64encode(data).rstrip(b"=") != spelling:
        raise Malformed("not base64url")
    return data


def parse_json(data: bytes) -> Any:
    """RFC 8259, read strictly: the value of a JSON text that has one meaning.

    In: octets whose number the caller has already limited. Out: the value; integers of any
    length that Python reads are integers.
    Errors: `Malformed` for bad UTF-8, lone surrogates, a member named twice, `NaN` and
    infinities, nesting deeper than 32, and whatever else is not JSON.
    """
    try:
        text = data.decode("utf-8")
        value = DECODER.decode(text)
    except (ValueError, RecursionError):
        raise Malformed("not JSON, or JSON with members named twice or nested too deeply") from None
    # A walk costs as much as the parse, so only texts that could be at fault are walked.
    if text.count("[") + text.count("{") > MAX_DEPTH or "\\ud" in text or "\\uD" in text:
        _refuse_depth_and_surrogates(value)
    return value


def _members_named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """RFC 8725 §2.4: two parsers must not read two things out of one text."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members


def _finite(number: str) -> float:
    """RFC 8259 §6: `1e999` is a number in JSON, but not one that we can hold."""
    value = float(number)
    if not math.isfinite(value):
        raise ValueError("not a finite number")
    return value


def _refuse_constant(name: str) -> float:
    """RFC 8259 §6: `NaN` and `Infinity` are not JSON."""
    raise ValueError(name)


def _refuse_depth_and_surrogates(value: Any) -> None:
    """Walk level by level, so that the walk itself needs no recursion."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for each in level:
            if isinstance(each, str):
                _refuse_surrogates(each)
            elif isinstance(each, dict):
                below.extend(each)  # the names are texts too
                below.extend(each.values())
            elif isinstance(each, list):
                below.extend(each)
        if not below:
            return
        level = below
    raise Malformed("JSON nested too deeply")


def _refuse_surrogates(text: str) -> None:
    """RFC 8259 §8.2: half a character cannot be stored, logged or sent on."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Malformed("JSON holds a lone surrogate") from None


DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_members_named_once,
    parse_float=_finite,
    parse_constant=_refuse_constant,
)
