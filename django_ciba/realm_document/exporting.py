"""A realm as a document that can be imported again; without secrets and private keys."""

from typing import Any

from django_ciba.client_registration import metadata_of
from django_ciba.models import AcrMapping, AuthorizationDetailsType, Client, Journey, Realm

from .faults import without_name


def export(path: str) -> dict[str, Any]:
    """The document of the realm at `path`; importing it here again changes nothing.

    Errors: `Realm.DoesNotExist`.
    """
    realm = Realm.objects.select_related("default_journey").get(path=path)
    document: dict[str, Any] = {"realm": realm.path}
    if not realm.enabled:
        document["enabled"] = False
    if realm.issuer_override:
        document["issuer"] = realm.issuer_override
    document["settings"] = realm.settings
    document["journeys"] = [
        {"name": journey.name, **without_name(journey.document)}
        for journey in Journey.objects.filter(realm=realm).order_by("name")
    ]
    mappings = AcrMapping.objects.filter(realm=realm).select_related("journey")
    document["acr_values"] = [
        {"acr": mapping.acr, "journey": mapping.journey.name}
        for mapping in mappings.order_by("position", "pk")
    ]
    if realm.default_journey:
        document["default_journey"] = realm.default_journey.name
    types = AuthorizationDetailsType.objects.filter(realm=realm)
    document["authorization_details_types"] = [_details_type(each) for each in types]
    clients = Client.objects.filter(realm=realm).order_by("client_id")
    document["clients"] = [metadata_of(client) for client in clients]
    return document


def _details_type(row: AuthorizationDetailsType) -> dict[str, Any]:
    members = {"type": row.type, "name": row.name, "schema": row.schema, "template": row.template}
    return {name: value for name, value in members.items() if value}
