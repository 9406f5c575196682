"""Where the API is, as the world calls it: never made of a Host header."""

from urllib.parse import urlsplit

from django.http import HttpRequest
from django.urls import reverse

from django_ciba.conf import ciba_settings

ANCHOR = "requests"  # an address of ours that ends with its own name


def api_address() -> str:
    """The public address of the mounted API, without a final slash; answers are made out to it.

    Raises NoReverseMatch where the site has not mounted it.
    """
    if ciba_settings.DEVICE_API_URL:
        return ciba_settings.DEVICE_API_URL.rstrip("/")
    host = urlsplit(ciba_settings.device_address)
    return f"{host.scheme}://{host.netloc}{_mount().rstrip('/')}"


def called_address(http: HttpRequest) -> str:
    """RFC 9449 §4.2 `htu`: the public address of what this request calls."""
    return f"{api_address()}/{http.path.removeprefix(_mount())}"


def _mount() -> str:
    """The path that the site's URLconf puts before the API's own."""
    return reverse(f"ciba_device_api:{ANCHOR}").removesuffix(ANCHOR)
