"""Which characters of somebody else's text show as what they are, on any device."""

import unicodedata
from collections.abc import Iterator
from typing import Final

MOST_MARKS: Final = 4  # on one letter; no script stacks more, and towers of them cover other lines

# Nothing to see, or something else than there is: controls, bidi and other format characters,
# line and paragraph separators, surrogates, private and unassigned ones.
REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"})
# Blank although Unicode calls them letters, marks or symbols.
BLANKS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# Persian, Sinhala, Malayalam and others need these two inside words.
JOINERS: Final = frozenset("\u200c\u200d")
LINE_BREAKS: Final = frozenset("\t\n\r\u2028\u2029")
INSTEAD: Final = "\N{REPLACEMENT CHARACTER}"


def shows(text: str, at: int) -> bool:
    """Whether the character at that place shows, and as what it is."""
    character = text[at]
    if character in JOINERS:
        return _in_joining_script(text[at - 1 : at]) and _in_joining_script(text[at + 1 :])
    return unicodedata.category(character) not in REFUSED_CATEGORIES and character not in BLANKS


def stacks_marks(text: str) -> bool:
    """Whether more marks stand on one letter than any script puts there."""
    return any(run > MOST_MARKS for run in _runs_of_marks(text))


def legible(text: str) -> str:
    """`text` as it may stand before a user: what does not show is replaced, so that it shows.

    Line breaks become spaces, marks beyond MOST_MARKS on one letter are dropped.
    """
    kept = []
    for at, run in enumerate(_runs_of_marks(text)):
        if text[at] in LINE_BREAKS:
            kept.append(" ")
        elif run <= MOST_MARKS:
            kept.append(text[at] if shows(text, at) else INSTEAD)
    return "".join(kept)


def _runs_of_marks(text: str) -> Iterator[int]:
    """For each character, the how-manieth mark in a row it is; 0 for one that is none."""
    run = 0
    for character in text:
        run = run + 1 if unicodedata.category(character)[0] == "M" else 0
        yield run


def _in_joining_script(text: str) -> bool:
    """Whether the first character is a letter or mark beyond ASCII."""
    return bool(text) and not text[0].isascii() and unicodedata.category(text[0])[0] in "LM"
