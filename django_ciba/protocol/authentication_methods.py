"""Authentication Method Reference values (RFC 8176), as `amr` holds them."""

from typing import Final

# RFC 8176 §2: methods by which the person was verified, and not the phone alone.
USER_VERIFICATION: Final = frozenset({"fpt", "face", "iris", "retina", "vbm", "pin"})

# OpenID Connect EAP ACR Values 1.0 §4: possession of a key, wherever that is kept; RFC 8176 §2: in
# hardware, in software.
POP: Final = "pop"
KEY_KINDS: Final = frozenset({"hwk", "swk", POP})

# The IANA registry (RFC 8176 §6.1).
REGISTERED: Final = (
    USER_VERIFICATION
    | KEY_KINDS
    | frozenset(
        {"geo", "kba", "mca", "mfa", "otp", "pwd", "rba", "sc", "sms", "tel", "user", "wia"}
    )
)
