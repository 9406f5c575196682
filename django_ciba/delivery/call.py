"""One call to a client's notification endpoint, and what its answer means (CIBA Core §10)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django_ciba.models import AuthenticationRequest, Client
from django_ciba.outbound import AddressRefused, OutboundError, post_json
from django_ciba.outbox import GiveUp, TryAgain


def call(client: Client, called_for: AuthenticationRequest, body: Mapping[str, Any]) -> None:
    """CIBA Core §10.2, §10.3: POST `body` with the request's client_notification_token.

    Out: nothing, when the client has taken it: any 2xx, whatever its body. Raises TryAgain where
    nobody has answered, or the answer says later (429, 5xx); GiveUp for every other answer. A
    redirect is not followed. What the exceptions say holds nothing that is secret.
    """
    headers = {"Authorization": f"Bearer {called_for.client_notification_token}"}
    try:
        answer = post_json(client.backchannel_client_notification_endpoint, body, headers)
    except AddressRefused as refusal:
        raise GiveUp(f"not called: the address {refusal.reason}") from None
    except OutboundError as failure:
        raise TryAgain(failure.reason) from None
    if answer.status // 100 == 2:
        return
    said = f"the client answered with status {answer.status}"
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status // 100 == 5:
        raise TryAgain(said, after=answer.retry_after)
    if answer.status // 100 == 3:
        raise GiveUp(f"{said}: redirects are not followed")
    raise GiveUp(said)
