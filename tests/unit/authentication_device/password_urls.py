"""A site with Django's own account pages."""

from django.urls import include, path

urlpatterns = [
    path("ciba/", include("django_ciba.authentication_device.urls")),
    path("account/", include("django.contrib.auth.urls")),
]
