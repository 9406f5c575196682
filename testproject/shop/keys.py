"""The private key of a relying party: made once, kept in a file of its own."""

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

Jwk = dict[str, Any]


def own_key(file: Path) -> Jwk:
    """The private JWK in `file`, which only we can read; made when there is none yet."""
    if not file.exists():
        key = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
        jwk = {**key, "kid": file.stem, "use": "sig", "alg": "ES256"}
        with tempfile.NamedTemporaryFile("w", dir=file.parent) as new:
            new.write(json.dumps(jwk))
            new.flush()
            with suppress(FileExistsError):  # another process was quicker, and its key counts
                file.hardlink_to(new.name)
    found: Jwk = json.loads(file.read_text())
    return found


def public(jwk: Jwk) -> Jwk:
    """What we register with the provider: the key without its private member."""
    return {name: value for name, value in jwk.items() if name != "d"}
