"""Which journey a request walks (OpenID Connect Core §3.1.2.1 acr_values; PingAM's mapping)."""

from collections.abc import Sequence

from django_ciba.journeys import takes_two_steps
from django_ciba.models import Client, JourneyVersion, Realm, configuration
from django_ciba.protocol.errors import InvalidRequest, ServerError, UnauthorizedClient
from django_ciba.protocol.parameters import Parameters


def journey_for(
    parameters: Parameters, realm: Realm, claimed: Sequence[str] = ()
) -> tuple[JourneyVersion, str]:
    """The journey of the first acr value that is mapped, and that value.

    Without `acr_values`, the values that the claim acr asks for (`claimed`) are those meant. None
    mapped: the realm's default journey and "", or InvalidRequest where the realm demands one.
    """
    mapping = {mapped.acr: mapped.journey for mapped in realm.mapping}
    for acr in (parameters.text("acr_values") or "").split() or claimed:
        if acr in mapping:
            return _current(mapping[acr].version_id, realm), acr
    if realm.conf.REQUIRE_MAPPED_ACR:
        raise InvalidRequest("acr_values must hold one of acr_values_supported")
    default = realm.default_journey
    return _current(default.version_id if default else None, realm), ""


def the_client_can_finish(journey: JourneyVersion, client: Client) -> None:
    """Protocol §6: a passcode that the client must send us is asked of clients that can."""
    if takes_two_steps(journey.document) and not client.two_step_user_code:
        raise UnauthorizedClient(
            "this journey ends by a passcode that the client sends as user_code, and this client "
            "is not registered for that (two_step_user_code)"
        )


def _current(version_id: int | None, realm: Realm) -> JourneyVersion:
    if version_id is None:
        raise ServerError(
            "the provider has no journey for this request", log_detail=f"{realm}: no journey"
        )
    return configuration().journey_version(version_id)
