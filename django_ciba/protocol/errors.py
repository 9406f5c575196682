"""One class per error code, with the source that defines it.

The HTTP status is not here: it belongs to the endpoint and the code together (`access_denied` is
403 from bc-authorize and 400 from the token endpoint). docs/reference/errors.md is written from
these classes.
"""

import re
from typing import ClassVar

# RFC 6749 §5.2: error_description must not include characters outside these sets.
ALLOWED_DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+")
NOT_IN_DESCRIPTION = re.compile(r"[^\x20-\x21\x23-\x5B\x5D-\x7E]")


class ProtocolError(Exception):
    """A refusal that the caller reads as JSON: `error` and `error_description`.

    `description` tells the relying party what to change and never holds its input;
    `log_detail` is for our log alone. Raises ValueError for a description that RFC 6749 §5.2
    does not allow on the wire.
    """

    error: ClassVar[str]
    source: ClassVar[str]
    meaning: ClassVar[str]

    def __init__(self, description: str, *, log_detail: str = "") -> None:
        if not ALLOWED_DESCRIPTION.fullmatch(description):
            raise ValueError(f"not allowed in error_description: {description!r}")
        super().__init__(description)
        self.description = description
        self.log_detail = log_detail

    def members(self) -> dict[str, str]:
        """RFC 6749 §5.2: the members of the error response."""
        return {"error": self.error, "error_description": self.description}


class InvalidRequest(ProtocolError):
    error = "invalid_request"
    source = "RFC 6749 §5.2, CIBA Core §13"
    meaning = "A parameter is missing, malformed, repeated, or stands beside one it excludes."


class InvalidClient(ProtocolError):
    error = "invalid_client"
    source = "RFC 6749 §5.2, CIBA Core §13"
    meaning = "The client did not prove who it is by its registered method."


class UnauthorizedClient(ProtocolError):
    error = "unauthorized_client"
    source = "RFC 6749 §5.2, CIBA Core §13"
    meaning = "The client is known, but not registered for this flow or grant."


class InvalidScope(ProtocolError):
    error = "invalid_scope"
    source = "RFC 6749 §5.2, CIBA Core §13"
    meaning = "The scope lacks openid, or holds a value that the client or realm may not ask for."


class UnknownUserId(ProtocolError):
    error = "unknown_user_id"
    source = "CIBA Core §13"
    meaning = "The hint names nobody here."


class ExpiredLoginHintToken(ProtocolError):
    error = "expired_login_hint_token"
    source = "CIBA Core §13"
    meaning = "The login_hint_token's exp lies in the past."


class MissingUserCode(ProtocolError):
    error = "missing_user_code"
    source = "CIBA Core §13"
    meaning = "This user has set a user code, and the request came without one."


class InvalidUserCode(ProtocolError):
    error = "invalid_user_code"
    source = "CIBA Core §13"
    meaning = "The user code is wrong, or locked after too many failures."


class InvalidBindingMessage(ProtocolError):
    error = "invalid_binding_message"
    source = "CIBA Core §13"
    meaning = "The binding message is too long or holds what cannot be shown safely."


class InvalidAuthorizationDetails(ProtocolError):
    error = "invalid_authorization_details"
    source = "RFC 9396 §5"
    meaning = "The authorization details are of an unknown type, or break the schema of theirs."


class InvalidTarget(ProtocolError):
    error = "invalid_target"
    source = "RFC 8707 §2"
    meaning = "The resource is unknown here, or not one that the user has approved."


class InvalidDpopProof(ProtocolError):
    error = "invalid_dpop_proof"
    source = "RFC 9449 §5"
    meaning = "The DPoP proof is missing, malformed, used, or made for another request or key."


class UseDpopNonce(ProtocolError):
    error = "use_dpop_nonce"
    source = "RFC 9449 §8"
    meaning = "Make the DPoP proof again with the nonce of the DPoP-Nonce header."


class AccessDenied(ProtocolError):
    error = "access_denied"
    source = "CIBA Core §11, §13"
    meaning = "The user, or the provider on its own rules, denied the request."


class AuthorizationPending(ProtocolError):
    error = "authorization_pending"
    source = "CIBA Core §11"
    meaning = "The user has not answered yet: ask again after the interval."


class SlowDown(ProtocolError):
    """CIBA Core §11: as authorization_pending, and the interval has grown by 5 seconds.

    `retry_after` is the number of whole seconds until the next poll is welcome.
    """

    error = "slow_down"
    source = "CIBA Core §11"
    meaning = "The poll came before the interval had passed; the interval grew by 5 seconds."

    def __init__(self, description: str, *, retry_after: int, log_detail: str = "") -> None:
        super().__init__(description, log_detail=log_detail)
        self.retry_after = retry_after


class ExpiredToken(ProtocolError):
    error = "expired_token"
    source = "CIBA Core §11"
    meaning = "The auth_req_id has expired: start a new authentication request."


class TransactionFailed(ProtocolError):
    error = "transaction_failed"
    source = "CIBA Core §12"
    meaning = "The request ended without tokens, and not by the user's denial or its expiry."


class InvalidGrant(ProtocolError):
    error = "invalid_grant"
    source = "RFC 6749 §5.2, CIBA Core §11"
    meaning = "The auth_req_id or refresh token is unknown, used, revoked or another client's."


class UnsupportedGrantType(ProtocolError):
    error = "unsupported_grant_type"
    source = "RFC 6749 §5.2"
    meaning = "The token endpoint does not know this grant_type."


class UnsupportedResponseType(ProtocolError):
    error = "unsupported_response_type"
    source = "RFC 6749 §4.1.2.1"
    meaning = "There is no front-channel flow here: use backchannel authentication."


class InvalidToken(ProtocolError):
    error = "invalid_token"
    source = "RFC 6750 §3.1"
    meaning = "The access token is expired, revoked, malformed or unknown."


class InsufficientScope(ProtocolError):
    error = "insufficient_scope"
    source = "RFC 6750 §3.1"
    meaning = "The access token does not carry the scope that this needs."


class InsufficientUserAuthentication(ProtocolError):
    error = "insufficient_user_authentication"
    source = "RFC 9470 §3"
    meaning = "The user did not authenticate in the way that this needs: ask again, with its acr."


class InvalidClientMetadata(ProtocolError):
    error = "invalid_client_metadata"
    source = "RFC 7591 §3.2.2"
    meaning = "A member of the client's metadata is wrong; the description names it."


class InvalidRedirectUri(ProtocolError):
    error = "invalid_redirect_uri"
    source = "RFC 7591 §3.2.2"
    meaning = "A value of redirect_uris is no absolute URI."


class UnapprovedSoftwareStatement(ProtocolError):
    error = "unapproved_software_statement"
    source = "RFC 7591 §3.2.2"
    meaning = "No software statement is approved here."


class UnsupportedTokenType(ProtocolError):
    error = "unsupported_token_type"
    source = "RFC 7009 §2.2.1"
    meaning = "Tokens of that kind cannot be revoked here."


class ServerError(ProtocolError):
    error = "server_error"
    source = "RFC 6749 §4.1.2.1"
    meaning = "Something failed on our side; nothing was changed."


class TemporarilyUnavailable(ProtocolError):
    """RFC 9110 §15.6.4: as a 503, and `retry_after` is the number of seconds for Retry-After."""

    RETRY_AFTER: ClassVar[int] = 5

    error = "temporarily_unavailable"
    source = "RFC 6749 §4.1.2.1"
    meaning = "The provider cannot answer just now; try again after Retry-After."

    def __init__(
        self, description: str, *, retry_after: int = RETRY_AFTER, log_detail: str = ""
    ) -> None:
        super().__init__(description, log_detail=log_detail)
        self.retry_after = retry_after


ERRORS: tuple[type[ProtocolError], ...] = (
    InvalidRequest,
    InvalidClient,
    UnauthorizedClient,
    InvalidScope,
    UnknownUserId,
    ExpiredLoginHintToken,
    MissingUserCode,
    InvalidUserCode,
    InvalidBindingMessage,
    InvalidAuthorizationDetails,
    InvalidTarget,
    InvalidDpopProof,
    UseDpopNonce,
    AccessDenied,
    AuthorizationPending,
    SlowDown,
    ExpiredToken,
    TransactionFailed,
    InvalidGrant,
    UnsupportedGrantType,
    UnsupportedResponseType,
    InvalidToken,
    InsufficientScope,
    InsufficientUserAuthentication,
    InvalidClientMetadata,
    InvalidRedirectUri,
    UnapprovedSoftwareStatement,
    UnsupportedTokenType,
    ServerError,
    TemporarilyUnavailable,
)
