"""Where that site mounts things."""

from django.contrib.auth.views import LoginView
from django.urls import include, path
from django_otp.views import LoginView as OtpLoginView

urlpatterns = [
    path("oauth2/", include("django_ciba.urls")),
    path("ciba/api/", include("django_ciba.authentication_device.api.urls")),
    path("ciba/", include("django_ciba.authentication_device.urls")),
    path("accounts/login/", LoginView.as_view(), name="login"),
    path("accounts/otp/", OtpLoginView.as_view(), name="otp"),
]
