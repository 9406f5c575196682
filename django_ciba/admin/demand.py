"""What an approval must come with, in an operator's words."""

from collections.abc import Mapping
from typing import Any

_ENTRY = {"pick": "picked", "type": "typed"}


def demand_in_words(demand: Mapping[str, Any]) -> str:
    """As "number, picked; second factor", without the digests that it is compared with."""
    number, age, tries = (demand.get(name) for name in ("number", "max_login_age", "tries"))
    said = [
        f"number, {_ENTRY.get(str(number), number)}" if number else "",
        "passkey" if demand.get("passkey") else "",
        "passcode" if demand.get("passcode") else "",
        "link" if demand.get("link") else "",
        "second factor" if demand.get("second_factor") else "",
        f"login of the last {age} seconds" if age else "",
        f"{tries} tries" if tries else "",
    ]
    return "; ".join(each for each in said if each) or "a yes"
