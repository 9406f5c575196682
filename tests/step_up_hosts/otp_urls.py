"""Where that site mounts things."""

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django_otp import login, verify_token
from django_otp.views import LoginView as OtpLoginView


def verify(request: HttpRequest) -> HttpResponse:
    """A page of the site's own, which verifies the session without a login."""
    given = request.POST
    login(request, verify_token(request.user, given["otp_device"], given["otp_token"]))
    return HttpResponse()


urlpatterns = [
    path("oauth2/", include("django_ciba.urls")),
    path("ciba/api/", include("django_ciba.authentication_device.api.urls")),
    path("ciba/", include("django_ciba.authentication_device.urls")),
    path("accounts/login/", LoginView.as_view(), name="login"),
    path("accounts/otp/", OtpLoginView.as_view(), name="otp"),
    path("accounts/verify/", verify),
]
