"""The addresses of the device's API: `/ciba/api/` is the usual place to mount them."""

from django.urls import path, re_path

from django_ciba.authentication_device.api.answers import AnswerView
from django_ciba.authentication_device.api.device import DeviceDetailView
from django_ciba.authentication_device.api.enrolment import EnrolmentView
from django_ciba.authentication_device.api.openapi import INSTALLED
from django_ciba.authentication_device.api.requests import (
    HistoryView,
    ReportView,
    RequestView,
    WaitingView,
)
from django_ciba.authentication_device.api.schema import SchemaView
from django_ciba.authentication_device.api.view import NoSuchAddress

app_name = "ciba_device_api"

urlpatterns = [
    path("enrolment", EnrolmentView.as_view(), name="enrolment"),
    path("device", DeviceDetailView.as_view(), name="device"),
    path("requests", WaitingView.as_view(), name="requests"),
    path("requests/<uuid:public_id>", RequestView.as_view(), name="request"),
    path("requests/<uuid:public_id>/answer", AnswerView.as_view(), name="answer"),
    path("requests/<uuid:public_id>/report", ReportView.as_view(), name="report"),
    path("history", HistoryView.as_view(), name="history"),
    *([path("schema", SchemaView.as_view(), name="schema")] if INSTALLED else []),
    re_path("", NoSuchAddress.as_view()),
]
