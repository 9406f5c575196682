"""What drf-spectacular must be told of our views. Imported only where it is installed."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from django_ciba.authentication_device.api.openapi import KEY_SCHEME

JSON = "application/json"


class WireSchema(AutoSchema):
    """Our views read and write JSON by themselves: they have no parsers and no renderers."""

    def get_description(self) -> str:  # type: ignore[override]
        """Nothing, where nothing is said: docstrings speak to whoever reads our code."""
        return ""

    def map_parsers(self) -> list[Any]:
        return [JSON]

    def map_renderers(self, attribute: str) -> list[Any]:
        return [JSON]


class DeviceKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """A DPoP proof without a token; OpenAPI has no word for it but a header."""

    target_class = "django_ciba.authentication_device.api.authentication.DeviceKeyAuthentication"
    name = KEY_SCHEME

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "DPoP",
            "description": "A proof (RFC 9449 §4.2) for this call, signed by the device's key.",
        }
