"""DPoP proofs for tests: everything in them can be changed, wrong values included."""

import hashlib
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from django_ciba.jose import PrivateKey, base64url, thumbprint
from tests.relying_party import compact

NAMED = ("kty", "crv", "x", "y", "n", "e")


def ath(access_token: str) -> str:
    """RFC 9449 §4.2: the hash of the access token that a proof comes along with."""
    return base64url(hashlib.sha256(access_token.encode()).digest())


@dataclass
class ProofMaker:
    """A client's DPoP key, and the nonce that it was told last."""

    key: PrivateKey = field(default_factory=lambda: PrivateKey.generate("ES256"))
    nonce: str | None = None

    @property
    def jwk(self) -> dict[str, str]:
        public = self.key.public_jwk
        return {name: public[name] for name in NAMED if name in public}

    @property
    def jkt(self) -> str:
        return thumbprint(self.jwk)

    def claims(self, method: str, address: str, **changes: Any) -> dict[str, Any]:
        """Of a good proof; a change to None removes one."""
        claims = {
            "jti": secrets.token_hex(16),
            "htm": method,
            "htu": address,
            "iat": int(time.time()),
            "nonce": self.nonce,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def proof(
        self, method: str, address: str, *, header: dict[str, Any] | None = None, **changes: Any
    ) -> str:
        """A proof for that request; `header` and keywords change what it says."""
        whole = {"typ": "dpop+jwt", "alg": self.key.alg, "jwk": self.jwk, **(header or {})}
        whole = {name: value for name, value in whole.items() if value is not None}
        return compact(whole, self.claims(method, address, **changes), self.key)
