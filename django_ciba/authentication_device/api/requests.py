"""GET requests, requests/<id>, history; POST requests/<id>/report. No GET changes anything."""

from typing import Final
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from django_ciba.authentication_device.api import serializers
from django_ciba.authentication_device.api.openapi import described
from django_ciba.authentication_device.api.representations import request_members
from django_ciba.authentication_device.api.view import DeviceView
from django_ciba.authentication_device.asked import MOST_WAITING, asked_before, to_be_answered
from django_ciba.journeys import report
from django_ciba.models import AuthenticationRequest
from django_ciba.wire import answered

MOST_ANSWERED: Final = 20


class WaitingView(DeviceView):
    @described(
        operation_id="waiting_requests",
        summary="What waits for the user's answer",
        description="The one that runs out first on top.",
        responses={200: serializers.RequestsSerializer},
        errors=(401, 403),
    )
    def get(self, request: Request) -> HttpResponse:
        rows = AuthenticationRequest.objects.waiting_for(self.device.user, self.now)
        found = rows.times_asked(self.now).select_related("client__realm")[:MOST_WAITING]
        return answered({"requests": [request_members(each, self.now) for each in found]})


class RequestView(DeviceView):
    @described(
        operation_id="request",
        summary="One request, or what has become of it",
        description="While it waits and has been asked again since, by a request that looks the "
        "same, it is the newest of them: see its `id`.",
        responses={200: serializers.RequestSerializer},
        errors=(401, 403, 404),
    )
    def get(self, request: Request, public_id: UUID) -> HttpResponse:
        found = to_be_answered(self.own_request(public_id), self.now)
        return answered(request_members(found, self.now))


class HistoryView(DeviceView):
    @described(
        operation_id="history",
        summary="What the user was asked before",
        description="The latest, answered on whatever device or not, as long as they are kept.",
        responses={200: serializers.RequestsSerializer},
        errors=(401, 403),
    )
    def get(self, request: Request) -> HttpResponse:
        rows = asked_before(self.device.user, self.now)
        found = rows.select_related("client__realm")[:MOST_ANSWERED]
        return answered({"requests": [request_members(each, self.now) for each in found]})


class ReportView(DeviceView):
    @described(
        operation_id="report_request",
        summary="This was not me",
        description="Denies the request, or takes an approval back, and keeps its client from "
        "asking for a while. Needs no signature: to say no must stay easy.",
        request=None,
        responses={200: serializers.RequestSerializer},
        errors=(401, 403, 404),
    )
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        report(self.own_request(public_id), now=self.now)
        return answered(request_members(self.own_request(public_id), self.now))
