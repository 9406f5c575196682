"""The app's entry in INSTALLED_APPS."""

from django.apps import AppConfig


class CibaConfig(AppConfig):
    name = "django_ciba"
    label = "django_ciba"
    verbose_name = "CIBA"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_ciba import checks
        from django_ciba.authentication_device import logins  # noqa: F401 - listens to logins
        from django_ciba.long_polling.publishing import tell_when_settled

        checks.register()
        tell_when_settled()
