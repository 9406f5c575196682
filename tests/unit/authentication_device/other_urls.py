"""A site that mounts the inbox at a place of its own, and has no logout view."""

from django.urls import include, path

urlpatterns = [path("my/approvals/", include("django_ciba.authentication_device.urls"))]
