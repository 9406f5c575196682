"""The test site with django-allauth for its logins. Only other tests run on it."""

from testproject.settings import *  # noqa: F403
from testproject.settings import DJANGO_CIBA, INSTALLED_APPS, MIDDLEWARE

DEBUG = False
INSTALLED_APPS = [*INSTALLED_APPS, "allauth", "allauth.account", "allauth.mfa"]
MIDDLEWARE = [*MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
ACCOUNT_EMAIL_VERIFICATION = "none"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ROOT_URLCONF = "tests.step_up_hosts.allauth_urls"
DJANGO_CIBA = {
    **DJANGO_CIBA,
    "STEP_UP": "django_ciba.authentication_device.step_up.AllauthStepUp",
}
