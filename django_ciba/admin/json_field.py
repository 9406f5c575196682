"""JSON that an operator types: laid out for reading, and read strictly."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput

from django_ciba.jose import Malformed, parse_json
from django_ciba.protocol.problems import unstorable


class StrictJSONField(forms.JSONField):
    """Refuses, with the place, what is not JSON or what a database cannot store."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.Textarea)
        super().__init__(**kwargs)
        self.widget.attrs.update({"rows": 16, "cols": 90, "spellcheck": "false"})

    def to_python(self, value: Any) -> Any:
        if self.disabled or value in self.empty_values or not isinstance(value, str):
            return super().to_python(value)
        try:
            json.loads(value)
            parsed = parse_json(value.encode())
        except json.JSONDecodeError as fault:
            place = f"line {fault.lineno}, column {fault.colno}"
            raise ValidationError(f"This is not JSON: {fault.msg} ({place}).") from None
        except (Malformed, RecursionError, UnicodeEncodeError, ValueError):
            raise ValidationError(
                "This JSON names a member twice, is nested too deeply, or holds a number or a "
                "character that cannot be stored."
            ) from None
        if problems := [str(each) for each in unstorable(parsed)]:
            raise ValidationError(problems)
        return parsed

    def bound_data(self, data: Any, initial: Any) -> Any:
        """After an error: what was typed, as it was typed."""
        return initial if self.disabled else InvalidJSONInput(data or "")

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, InvalidJSONInput):
            return value
        return json.dumps(value, indent=2, ensure_ascii=False)
