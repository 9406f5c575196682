"""An API behind our tokens, as a site would write its own."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_ciba.models import Token
from django_ciba.resource_server import (
    CibaTokenAuthentication,
    FapiInteractionMixin,
    TokenHasScope,
)


class TokenOfOurRealms(CibaTokenAuthentication):
    """This API serves both of the site's realms."""

    ciba_realms = ("/", "/alpha")


class Resource(FapiInteractionMixin, APIView):
    """GET /resource: who you are, by the access token that you bring."""

    authentication_classes = [TokenOfOurRealms]
    permission_classes = [TokenHasScope]
    required_scopes = ["openid", "profile"]

    def get(self, request: Request) -> Response:
        token = request.auth
        assert isinstance(token, Token)  # noqa: S101 - TokenHasScope lets nothing else in
        return Response(
            {
                "user": request.user.get_username(),
                "subject": token.grant.subject,
                "scope": token.scope,
                "acr": token.grant.acr,
                "amr": token.grant.amr,
                "expires_at": token.expires_at,
            }
        )
