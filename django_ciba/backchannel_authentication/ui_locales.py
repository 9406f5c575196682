"""The language of the prompt (OpenID Connect Core §3.1.2.1 ui_locales)."""

import re

from django_ciba.protocol.parameters import Parameters

MAX_LENGTH = 200


def ui_locales(parameters: Parameters) -> str:
    """The BCP 47 tags asked for, in order; what is not one is left out, for none is needed."""
    tags = (parameters.text("ui_locales") or "").split()
    kept = [tag for tag in tags if re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", tag)]
    joined = " ".join(kept)
    return joined if len(joined) <= MAX_LENGTH else ""
