"""Who can approve what asks for user verification."""

from typing import Any

from django_ciba.conf import ciba_settings
from django_ciba.models import Device, passkeys_of
from django_ciba.protocol.authentication_methods import USER_VERIFICATION


def can_be_verified(user: Any) -> bool:
    """Whether that user has a passkey, or the site's own app where it is believed to verify them.

    `DEVICE_API_AMR` says what the app is believed.
    """
    if passkeys_of(user).exists():
        return True
    believed = USER_VERIFICATION.intersection(ciba_settings.DEVICE_API_AMR)
    return bool(believed) and Device.objects.filter(user_id=user.pk, kind=Device.Kind.APP).exists()
