"""Where the test site mounts things (design §9)."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.contrib.staticfiles.views import serve
from django.urls import include, path, re_path

from testproject.front_page import front_page
from testproject.resource import Resource
from testproject.simulator import simulate_answer

urlpatterns = [
    path("", front_page, name="front_page"),
    path("oauth2/", include("django_ciba.urls")),
    path("", include("django_ciba.well_known_urls")),
    path("ciba/api/", include("django_ciba.authentication_device.api.urls")),
    path("ciba/", include("django_ciba.authentication_device.urls")),
    path("admin/", admin.site.urls),
    path("shop/", include("testproject.shop.urls")),
    path("resource", Resource.as_view(), name="resource"),
    path("ciba-sim", simulate_answer, name="simulator"),
    path("accounts/login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("accounts/logout/", LogoutView.as_view(next_page="/"), name="logout"),
    # A test site may serve its own files, under gunicorn and uvicorn too. Others leave that to a
    # web server.
    re_path(rf"^{settings.STATIC_URL.lstrip('/')}(?P<path>.*)$", serve, {"insecure": True}),
]
