"""The test site with django-otp beside its logins. Only other tests run on it."""

from testproject.settings import *  # noqa: F403
from testproject.settings import DJANGO_CIBA, INSTALLED_APPS, MIDDLEWARE

DEBUG = False
INSTALLED_APPS = [*INSTALLED_APPS, "django_otp", "django_otp.plugins.otp_static"]
MIDDLEWARE = [*MIDDLEWARE, "django_otp.middleware.OTPMiddleware"]
OTP_LOGIN_URL = "/accounts/otp/"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ROOT_URLCONF = "tests.step_up_hosts.otp_urls"
DJANGO_CIBA = {
    **DJANGO_CIBA,
    "STEP_UP": "django_ciba.authentication_device.step_up.OtpStepUp",
}
