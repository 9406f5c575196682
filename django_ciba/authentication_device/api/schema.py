"""GET schema: the API's description in OpenAPI, mounted only where drf-spectacular is installed."""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from django_ciba.authentication_device.api.addresses import api_address
from django_ciba.authentication_device.api.openapi import document
from django_ciba.wire import WireView, answered


class SchemaView(WireView):
    """Open to everybody: what an address takes is no secret."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Nothing to prove."""

    def get(self, request: Request) -> HttpResponse:
        return answered(document(api_address()))
