"""Asked first: a view of the host itself, under these settings, answers nobody."""

import pytest
from django.conf import settings
from django.test import RequestFactory
from rest_framework.views import APIView


def test_the_host_is_hostile() -> None:
    assert settings.DATABASES["default"]["ATOMIC_REQUESTS"]
    with pytest.raises(RuntimeError, match="the host's own exception handler"):
        APIView.as_view()(RequestFactory().get("/"))
