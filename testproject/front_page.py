"""The front page: what is what on this site."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from testproject.shop.views import page


@page
def front_page(request: HttpRequest) -> HttpResponse:
    return render(request, "front_page.html", {"simulator": settings.CIBA_SIMULATOR})
