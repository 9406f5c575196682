"""GET, POST <realm>/authorize: there is no front-channel flow here, and the page says so."""

from django.http import HttpResponse
from django.shortcuts import render
from rest_framework.request import Request

from django_ciba.endpoints.wire import WireEndpoint
from django_ciba.protocol.errors import UnsupportedResponseType


class AuthorizationEndpoint(WireEndpoint):
    """OpenID Connect Discovery needs an authorization_endpoint of everyone; ours only explains."""

    def get(self, request: Request, realm: str = "") -> HttpResponse:
        found = self.realm()
        context = {
            "error": UnsupportedResponseType.error,
            "meaning": UnsupportedResponseType.meaning,
            "endpoint": found.endpoint("bc-authorize"),
            "discovery": found.endpoint(".well-known/openid-configuration"),
        }
        page = render(request._request, "django_ciba/authorize.html", context, status=400)
        page["Cache-Control"] = "no-store"
        page["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        return page

    post = get
