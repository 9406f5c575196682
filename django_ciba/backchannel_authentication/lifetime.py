"""How long the request lives (CIBA Core §7.1 requested_expiry)."""

import re

from django_ciba.models import Realm
from django_ciba.protocol.errors import InvalidRequest
from django_ciba.protocol.parameters import Parameters


def requested_lifetime(parameters: Parameters, realm: Realm) -> int:
    """CIBA Core §7.1: seconds, a positive integer, also as a string; clamped to the bounds."""
    conf = realm.conf
    asked = parameters.get("requested_expiry")
    if asked is None:
        return conf.AUTH_REQ_ID_LIFETIME
    if isinstance(asked, str) and re.fullmatch(r"[0-9]+", asked):
        asked = int(asked.lstrip("0")[:20] or 0)  # one of more digits is beyond every bound
    if not isinstance(asked, int) or isinstance(asked, bool) or asked <= 0:
        raise InvalidRequest("requested_expiry must be a positive whole number of seconds")
    return max(conf.AUTH_REQ_ID_LIFETIME_MIN, min(asked, conf.AUTH_REQ_ID_LIFETIME_MAX))
