"""Where that site mounts things."""

from django.urls import include, path

urlpatterns = [
    path("oauth2/", include("django_ciba.urls")),
    path("ciba/api/", include("django_ciba.authentication_device.api.urls")),
    path("ciba/", include("django_ciba.authentication_device.urls")),
    path("accounts/", include("allauth.urls")),
]
