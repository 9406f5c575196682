"""A site that is nothing but the device."""

from django.urls import include, path

urlpatterns = [path("", include("django_ciba.authentication_device.urls"))]
