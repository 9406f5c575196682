"""Pictures of journeys, and of the path that a request took, on pages of the admin."""

from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from django_ciba.journeys import picture
from django_ciba.models import AuthenticationRequest, JourneyVersion

STYLE = "django_ciba/admin.css"


def framed(drawn: SafeString, title: str) -> SafeString:
    """Something wide in a frame that scrolls where the page is narrower, by keyboard as well."""
    return format_html(
        '<span class="ciba-picture__frame" role="group" tabindex="0" aria-label="{}">{}</span>',
        title,
        drawn,
    )


def picture_of_document(document: Mapping[str, Any], title: str, name: str) -> SafeString:
    return framed(picture(document, title=title, name=name), title)


def picture_of_version(version: JourneyVersion, name: str) -> SafeString:
    title = f"Journey {version.journey}, version {version.number}"
    return picture_of_document(version.document, title, name)


def picture_of_request(found: AuthenticationRequest) -> SafeString:
    """The version that the request walks, with its path and where it waits."""
    version = found.journey_version
    title = f"The request's path through {version.journey}, version {version.number}"
    drawn = picture(
        version.document,
        title=title,
        name="walked",
        walk=found.walk,
        node=found.node,
        over=found.state != AuthenticationRequest.Status.PENDING,
    )
    return framed(drawn, title)
