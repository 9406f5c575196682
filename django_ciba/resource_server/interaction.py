"""FAPI 1.0 Baseline §6.2.1: the headers that let two sides find one call in both their logs."""

import re
import uuid
from typing import TYPE_CHECKING, Any, Final

from django.core.handlers.asgi import ASGIRequest
from django.utils.http import http_date
from rest_framework.request import Request
from rest_framework.response import Response

if TYPE_CHECKING:
    from rest_framework.views import APIView
else:
    APIView = object

HEADER: Final = "x-fapi-interaction-id"
UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


class FapiInteractionMixin(APIView):
    """FAPI 1.0 Baseline §6.2.1 (10, 11): `Date`, and `x-fapi-interaction-id` in each answer.

    The caller's id is echoed when it is a UUID; otherwise, and without one, a new one is made.
    The view finds it in `self.fapi_interaction_id`, to log it.
    """

    fapi_interaction_id: str

    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Request:
        received = request.headers.get(HEADER, "")
        self.fapi_interaction_id = received if UUID.fullmatch(received) else str(uuid.uuid4())
        return super().initialize_request(request, *args, **kwargs)

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        answer: Response = super().finalize_response(request, response, *args, **kwargs)
        answer[HEADER] = self.fapi_interaction_id
        # Every ASGI server sets Date itself, and ours would be a second one.
        if not isinstance(getattr(request, "_request", request), ASGIRequest):
            answer["Date"] = http_date()
        return answer
