"""What the user is shown to tell one request from another (CIBA Core §7.1)."""

import re
import string
import unicodedata

from django_ciba.models import Realm
from django_ciba.protocol.errors import InvalidBindingMessage, InvalidRequest
from django_ciba.protocol.parameters import Parameters

MAX_LENGTH = 100
MOST_MARKS = 4  # on one letter; no script stacks more, and towers of them cover other lines

# Nothing to see, or something else than there is: controls, bidi and other format characters,
# line and paragraph separators, surrogates, private and unassigned ones.
REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"})
# Blank although Unicode calls them letters, marks or symbols.
BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# Persian, Sinhala, Malayalam and others need these two inside words.
JOINERS = frozenset("\u200c\u200d")


def binding_message(parameters: Parameters, realm: Realm) -> str:
    """CIBA Core §7.1, PingAM: a message that shows safely on any device; "" when there is none."""
    message = parameters.get("binding_message", "")
    if not isinstance(message, str):
        raise InvalidRequest("binding_message must be a string")
    if not message:
        return ""
    if len(message) > MAX_LENGTH:
        raise InvalidBindingMessage(f"binding_message has more than {MAX_LENGTH} characters")
    if not _may_begin(message[0]):
        raise InvalidBindingMessage(
            "binding_message must begin with a letter, number or punctuation mark"
        )
    if any(not _shows(message, at) for at in range(len(message))):
        raise InvalidBindingMessage(
            "binding_message holds a line break, control or invisible character"
        )
    if _stacks_marks(message):
        raise InvalidBindingMessage("binding_message stacks too many marks on one letter")
    pattern = realm.conf.BINDING_MESSAGE_PATTERN
    if pattern is not None and not re.fullmatch(pattern, message):
        raise InvalidBindingMessage("binding_message does not fit this provider's displays")
    return message


def _may_begin(character: str) -> bool:
    """A letter, number or punctuation mark; currency signs count, as ASCII punctuation does."""
    category = unicodedata.category(character)
    return category[0] in "LNP" or category == "Sc" or character in string.punctuation


def _shows(message: str, at: int) -> bool:
    character = message[at]
    if character in JOINERS:
        return _in_joining_script(message[at - 1 : at]) and _in_joining_script(message[at + 1 :])
    return unicodedata.category(character) not in REFUSED_CATEGORIES and character not in BLANKS


def _stacks_marks(message: str) -> bool:
    run = 0
    for character in message:
        run = run + 1 if unicodedata.category(character)[0] == "M" else 0
        if run > MOST_MARKS:
            return True
    return False


def _in_joining_script(text: str) -> bool:
    """Whether the first character is a letter or mark beyond ASCII."""
    return bool(text) and not text[0].isascii() and unicodedata.category(text[0])[0] in "LM"
