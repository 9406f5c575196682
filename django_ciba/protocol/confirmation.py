"""What a token is bound to: the `cnf` claim (RFC 7800 §3.1, RFC 8705 §3.1, RFC 9449 §6.1)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The sender's certificate (`x5t#S256`), its DPoP key (`jkt`), both or neither: a bearer."""

    x5t_s256: str = ""
    jkt: str = ""

    @property
    def token_type(self) -> str:
        """RFC 9449 §5, RFC 8705 §3: DPoP has a token type of its own, a certificate has none."""
        return "DPoP" if self.jkt else "Bearer"

    @property
    def cnf(self) -> dict[str, str]:
        """The members of `cnf`; empty for a bearer token."""
        members = {"x5t#S256": self.x5t_s256, "jkt": self.jkt}
        return {name: value for name, value in members.items() if value}


BEARER = Confirmation()
