"""RFC 6750 §3, RFC 9449 §7.1: how a request for a protected resource is refused."""

from django.http import HttpRequest
from rest_framework import status
from rest_framework.exceptions import APIException

from django_ciba.proof_of_possession import challenges
from django_ciba.protocol.errors import (
    InsufficientScope,
    InsufficientUserAuthentication,
    InvalidDpopProof,
    InvalidRequest,
    InvalidToken,
    ProtocolError,
    UseDpopNonce,
)

DEFAULT_REALM = "api"


# RFC 6750 §3.1, RFC 9449 §7.1, RFC 9470 §3: the status belongs to the code.
STATUS: dict[type[ProtocolError], int] = {
    InvalidRequest: status.HTTP_400_BAD_REQUEST,
    InvalidToken: status.HTTP_401_UNAUTHORIZED,
    InvalidDpopProof: status.HTTP_401_UNAUTHORIZED,
    UseDpopNonce: status.HTTP_401_UNAUTHORIZED,
    InsufficientScope: status.HTTP_403_FORBIDDEN,
    InsufficientUserAuthentication: status.HTTP_401_UNAUTHORIZED,
}


class Refusal(APIException):
    """The answer to a request that is refused for its token.

    Not an AuthenticationFailed: for those, REST framework takes the challenge of the view's first
    authenticator, which need not be ours. `auth_header` is where its exception handler looks.
    """

    def __init__(
        self, refused: ProtocolError, http: HttpRequest, realm: str, **attributes: str
    ) -> None:
        super().__init__(refused.members(), refused.error)
        self.status_code = STATUS[type(refused)]
        self.auth_header = challenges(http, realm, **refused.members(), **attributes)


class TokenNeeded(APIException):
    """RFC 6750 §3.1: no token came, so the challenge says nothing but that one is needed."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_detail = "Send an access token in the Authorization header."
    default_code = "not_authenticated"

    def __init__(self, http: HttpRequest, realm: str) -> None:
        super().__init__()
        self.auth_header = challenges(http, realm)
