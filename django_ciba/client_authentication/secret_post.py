"""client_secret_post: RFC 6749 §2.3.1, credentials as form parameters."""

from django_ciba.client_authentication.method import Method, Presented
from django_ciba.models import Client
from django_ciba.protocol.errors import InvalidClient


class ClientSecretPost(Method):
    name = "client_secret_post"
    credential = "client_secret"

    def is_used(self, presented: Presented) -> bool:
        return "client_secret" in presented.parameters

    def client_id(self, presented: Presented) -> str:
        client_id = presented.parameters.text("client_id")
        if client_id is None:
            raise InvalidClient("client_id is missing beside client_secret")
        return client_id

    def prove(self, presented: Presented, client: Client) -> None:
        if not client.has_secret(presented.parameters.needed("client_secret")):
            raise InvalidClient("client authentication failed", log_detail="wrong secret")
