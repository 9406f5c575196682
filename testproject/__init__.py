"""A Django site that installs django_ciba."""

from testproject.celery import app as celery_app

__all__ = ["celery_app"]
