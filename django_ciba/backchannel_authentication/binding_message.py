"""What the user is shown to tell one request from another (CIBA Core §7.1)."""

import re
import string
import unicodedata

from django_ciba.models import Realm
from django_ciba.protocol.errors import InvalidBindingMessage, InvalidRequest
from django_ciba.protocol.legible import shows, stacks_marks
from django_ciba.protocol.parameters import Parameters

MAX_LENGTH = 100


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
    if not all(shows(message, at) for at in range(len(message))):
        raise InvalidBindingMessage(
            "binding_message holds a line break, control or invisible character"
        )
    if stacks_marks(message):
        raise InvalidBindingMessage("binding_message stacks too many marks on one letter")
    pattern = realm.conf.BINDING_MESSAGE_PATTERN
    if pattern is not None and not re.fullmatch(pattern, message):
        raise InvalidBindingMessage("binding_message does not fit this provider's displays")
    return message


def _may_begin(character: str) -> bool:
    """A letter, number or punctuation mark; currency signs count, as ASCII punctuation does."""
    category = unicodedata.category(character)
    return category[0] in "LNP" or category == "Sc" or character in string.punctuation
