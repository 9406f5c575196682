"""The floor: what a view costs that does nothing, and one that asks the database for a one."""

from django.db import connection
from django.http import HttpResponse
from django.urls import include, path
from rest_framework.request import Request
from rest_framework.views import APIView


class Empty(APIView):
    """An endpoint shut as ours are, without any work."""

    authentication_classes = ()
    permission_classes = ()

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(b"{}", content_type="application/json")


class SelectOne(Empty):
    """The same with one bare statement."""

    def get(self, request: Request) -> HttpResponse:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
        return super().get(request)


urlpatterns = [
    path("floor/empty", Empty.as_view()),
    path("floor/select-one", SelectOne.as_view()),
    path("", include("testproject.urls")),
]
