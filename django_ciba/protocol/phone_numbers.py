"""Telephone numbers in any spelling, by phonenumbers (`django-ciba[phone]`).

Without the extra a number is what is written, and nothing else.
"""

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

CAN_READ_NUMBERS: Final = find_spec("phonenumbers") is not None

if TYPE_CHECKING or CAN_READ_NUMBERS:
    import phonenumbers

# What people write numbers with. No letters, as in 0800-FLOWERS, and no extensions: those would be
# other numbers that read as this one.
WRITTEN: Final = re.compile(r"(?:tel:)?\+?[0-9 ()./-]{3,40}")
BARE: Final = re.compile(r"[1-9][0-9]*")


def region_problem(value: object) -> str | None:
    """What is wrong with a region that numbers are dialled in, or None."""
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(r"[A-Z]{2}", value):
        return "must be a country by its two capital letters, as GE"
    if not CAN_READ_NUMBERS:
        return "needs the package phonenumberslite: pip install 'django-ciba[phone]'"
    if value not in phonenumbers.SUPPORTED_REGIONS:
        return "is no country that has telephone numbers of its own"
    return None


def spellings(value: str, region: str | None, *, international: bool = False) -> tuple[str, ...]:
    """The number as it is written, in its normal form (E.164), and as a site may have stored it.

    In: `region`, in which a number without a country code is dialled, or None; `international`
    for bare digits that begin with a country code, as those of an MSISDN do.
    Out: what was written comes first, and alone where it is no telephone number.
    """
    number = _read(value, region, international)
    if number is None:
        return (value,)
    formats = phonenumbers.PhoneNumberFormat
    e164 = phonenumbers.format_number(number, formats.E164)
    found = [
        e164,
        e164[1:],
        f"00{e164[1:]}",
        phonenumbers.format_number(number, formats.INTERNATIONAL),
    ]
    if region is not None and phonenumbers.country_code_for_region(region) == number.country_code:
        national = phonenumbers.format_number(number, formats.NATIONAL)
        significant = phonenumbers.national_significant_number(number)
        found += [national, re.sub(r"[^0-9]", "", national), significant]
    return tuple(dict.fromkeys([value, *found]))


def _read(value: str, region: str | None, international: bool) -> "phonenumbers.PhoneNumber | None":
    if not CAN_READ_NUMBERS or WRITTEN.fullmatch(value) is None:
        return None
    if international and BARE.fullmatch(value):
        with_code = _parsed(f"+{value}", None)
        if with_code is not None and phonenumbers.is_valid_number(with_code):
            return with_code
    return _parsed(value, region)


def _parsed(value: str, region: str | None) -> "phonenumbers.PhoneNumber | None":
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_possible_number(number) else None
