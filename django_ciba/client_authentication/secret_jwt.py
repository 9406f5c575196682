"""client_secret_jwt: RFC 7523 §2.2 and §3, OpenID Connect Core §9."""

from collections.abc import Mapping
from typing import Any

from django_ciba.client_authentication.assertion import TYPES, AssertionMethod
from django_ciba.jose import MAC_ALGS, verify_mac
from django_ciba.models import Client
from django_ciba.protocol.errors import InvalidClient


class ClientSecretJwt(AssertionMethod):
    name = "client_secret_jwt"

    def verified_claims(self, assertion: str, client: Client) -> Mapping[str, Any]:
        """OpenID Connect Core §9, §10.1: a MAC with the octets of the client's secret."""
        if not client.keeps_secret:
            raise InvalidClient(
                "client authentication failed",
                log_detail="client_secret_jwt, and of the secret only a digest is stored, or what "
                "no key decrypts any more: give the client a new secret",
            )
        registered = client.token_endpoint_auth_signing_alg
        algs = (registered,) if registered else MAC_ALGS
        return verify_mac(assertion, client.secret_encrypted, algs=algs, typ=TYPES)
