"""The front page: what is what on this site."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache


@never_cache
def front_page(request: HttpRequest) -> HttpResponse:
    return render(request, "front_page.html", {"simulator": settings.CIBA_SIMULATOR})
