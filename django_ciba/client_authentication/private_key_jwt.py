"""private_key_jwt: RFC 7523 §2.2 and §3, OpenID Connect Core §9."""

from collections.abc import Mapping
from typing import Any

from django_ciba.client_authentication.assertion import TYPES, AssertionMethod
from django_ciba.client_keys import verify_by
from django_ciba.models import Client


class PrivateKeyJwt(AssertionMethod):
    name = "private_key_jwt"

    def verified_claims(self, assertion: str, client: Client) -> Mapping[str, Any]:
        """RFC 7523 §3 (9): signed with one of the client's registered keys."""
        algs = client.signature_algs(client.token_endpoint_auth_signing_alg)
        return verify_by(client, assertion, algs=algs, typ=TYPES).claims
