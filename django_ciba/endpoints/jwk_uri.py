"""GET <realm>/connect/jwk_uri: the realm's public keys (RFC 7517 §5)."""

import json

from django.http import HttpResponse
from rest_framework.request import Request

from django_ciba.endpoints.wire import WireEndpoint
from django_ciba.models import Realm, configuration
from django_ciba.wire import json_response


class JwkSetEndpoint(WireEndpoint):
    def get(self, request: Request, realm: str = "") -> HttpResponse:
        found = self.realm()
        memo = configuration().memo
        key = ("jwks", found.pk)
        if key not in memo:
            memo[key] = json.dumps(published_keys(found)).encode()
        return json_response(memo[key])


def published_keys(realm: Realm) -> dict[str, list[dict[str, str]]]:
    """Next, current and retired keys, so that a rotation breaks no client that caches."""
    return {"keys": [key.public_jwk for key in realm.keys]}
