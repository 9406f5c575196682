"""Filters that write protocol values for people. They return plain text: templates escape it."""

from datetime import UTC, datetime
from typing import Any

from django import template

from testproject.shop import wire

register = template.Library()
register.filter("pretty", wire.pretty)


@register.filter
def moment(seconds: float) -> str:
    """A NumericDate (RFC 7519 §2) as a time of day."""
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S} UTC"


@register.filter
def words(value: Any) -> str:
    """A list as words, anything else as it is."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
