"""The inbox's pages. The site mounts them where it likes, `/ciba/` being the usual place."""

from django.urls import path

from django_ciba.authentication_device import (
    app_enrolment,
    decisions,
    inbox,
    passkey_pages,
    sign_in_again,
    user_codes,
)

app_name = "ciba_device"

urlpatterns = [
    path("", inbox.inbox, name="inbox"),
    path("waiting.json", inbox.waiting, name="waiting"),
    path("history/", inbox.history, name="history"),
    path("requests/<uuid:public_id>/", decisions.request_page, name="request"),
    path("requests/<uuid:public_id>/card/", decisions.card, name="card"),
    path("requests/<uuid:public_id>/waiting.json", inbox.waiting, name="request_waiting"),
    path("apps/", app_enrolment.apps, name="apps"),
    path(
        "requests/<uuid:public_id>/passkey/",
        passkey_pages.approval_options,
        name="request_passkey",
    ),
    path("passkeys/", passkey_pages.passkey_list, name="passkeys"),
    path("passkeys/options/", passkey_pages.registration_options, name="passkey_options"),
    path("sign-in-again/", sign_in_again.sign_in_again, name="sign_in_again"),
    path("user-code/", user_codes.user_code, name="user_code"),
]
