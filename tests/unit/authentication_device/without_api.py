"""A site that has mounted the device's pages, and not its API."""

from django.urls import include, path

urlpatterns = [path("ciba/", include("django_ciba.authentication_device.urls"))]
