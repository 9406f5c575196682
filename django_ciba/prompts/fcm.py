"""Prompts to the site's own app by Firebase Cloud Messaging (its HTTP v1 API).

A data message with an opaque id of the request: what it stands for, the app asks us.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django_ciba.conf import ciba_settings
from django_ciba.outbound import OutboundAnswer, OutboundError, post_bytes, post_json
from django_ciba.outbox import TryAgain
from django_ciba.prompts.channel import Prompt
from django_ciba.prompts.device_channel import (
    GONE,
    Came,
    DeviceChannel,
    answered,
    side_by_side,
    topic,
)


def _installed() -> bool:
    try:
        return find_spec("google.oauth2.service_account") is not None
    except ModuleNotFoundError:  # of `google`, or of `google.oauth2`
        return False


CAN_SIGN_IN: Final = _installed()

if TYPE_CHECKING or CAN_SIGN_IN:
    from google.auth.exceptions import GoogleAuthError, TransportError
    from google.oauth2 import service_account

SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
_signing_in = Lock()


class FcmChannel(DeviceChannel):
    """FCM HTTP v1 `projects.messages.send`, to each installation that has given us its token."""

    name = "fcm"
    api: ClassVar[str] = "https://fcm.googleapis.com"

    def set_up_problem(self) -> str | None:
        if not CAN_SIGN_IN:
            return "needs the package google-auth: pip install 'django-ciba[fcm]'"
        if not ciba_settings.FCM_SERVICE_ACCOUNT:
            return "needs FCM_SERVICE_ACCOUNT, which is not set"
        if (problem := account_problem()) is not None:
            return f"needs FCM_SERVICE_ACCOUNT, which {problem}"
        return None

    def push(self, addresses: Sequence[str], prompt: Prompt) -> list[Came]:
        credentials = _credentials()
        token = _access_token(credentials)
        url = f"{self.api}/v1/projects/{credentials.project_id}/messages:send"

        def send(address: str) -> Came:
            message = {
                "token": address,
                "data": {"id": prompt.public_id},
                "android": {
                    "priority": "HIGH",
                    "ttl": f"{prompt.seconds}s",
                    "collapse_key": topic(prompt),
                },
            }
            return _came(post_json(url, {"message": message}, {"Authorization": f"Bearer {token}"}))

        came = side_by_side(send, addresses)
        if any(each is SIGNED_OUT for each in came):
            _forget_token(credentials, token)
        return came


SIGNED_OUT: Final = Came("later", "Google did not take our access token")


def account_problem() -> str | None:
    """What is wrong with the file of FCM_SERVICE_ACCOUNT, or None."""
    try:
        found = _credentials()
    except OSError:
        return "is not a file that this process can read"
    except Exception:  # noqa: BLE001 - the library raises many kinds; their texts may quote the key
        return "is not the file of a service account's key"
    return None if found.project_id else "names no project_id"


def _credentials() -> Any:
    """The service account; read again when its file has changed."""
    path = ciba_settings.FCM_SERVICE_ACCOUNT or ""
    return _read(path, Path(path).stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read(path: str, changed: int) -> Any:
    return service_account.Credentials.from_service_account_file(path, scopes=[SCOPE])


def _access_token(credentials: Any) -> str:
    """RFC 7523 §2.1: an access token of Google's, kept while it is good. Raises TryAgain."""
    with _signing_in:
        if not credentials.valid:
            try:
                credentials.refresh(_request)
            except TransportError:
                raise TryAgain("Google's token endpoint could not be reached") from None
            except GoogleAuthError:
                raise TryAgain("Google gave no access token to FCM_SERVICE_ACCOUNT") from None
        return str(credentials.token)


def _forget_token(credentials: Any, token: str) -> None:
    with _signing_in:
        if credentials.token == token:
            credentials.token = None


class _Answer:
    """google.auth.transport.Response"""

    def __init__(self, answer: OutboundAnswer) -> None:
        self.status, self.headers, self.data = answer.status, dict[str, str](), answer.body


def _request(
    url: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Any = None,
    timeout: float | None = None,
    **_: Any,
) -> _Answer:
    """google.auth.transport.Request, by `outbound`: the file says where tokens come from."""
    if method != "POST":
        raise TransportError("we only ask for tokens")
    try:
        return _Answer(post_bytes(url, body or b"", headers or {}))
    except OutboundError as failure:
        raise TransportError(failure.reason) from None


def _came(answer: OutboundAnswer) -> Came:
    """https://firebase.google.com/docs/cloud-messaging/error-codes"""
    if answer.status == 401:
        return SIGNED_OUT
    if answer.status == 404 and _error_codes(answer.body) & {"UNREGISTERED", "NOT_FOUND"}:
        return GONE
    return answered(answer.status, answer.retry_after)


def _error_codes(body: bytes) -> set[str]:
    """Its `status`, and what FCM says in `details`; a 404 without either is not FCM's."""
    try:
        error = json.loads(body)["error"]
        details = [each.get("errorCode") for each in error.get("details", ())]
        return {str(each) for each in (error.get("status"), *details)}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return set()
