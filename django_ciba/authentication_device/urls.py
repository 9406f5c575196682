"""The inbox's pages. The site mounts them where it likes, `/ciba/` being the usual place."""

from django.urls import path

from django_ciba.authentication_device import (
    app_enrolment,
    decisions,
    devices,
    inbox,
    link,
    muted,
    passkey_pages,
    reports,
    sign_in_again,
    user_codes,
    web_app,
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
    path("requests/<uuid:public_id>/report/", reports.report_page, name="report"),
    path("requests/<uuid:public_id>/link/<str:secret>/", link.link_page, name="link"),
    path("passkeys/", passkey_pages.passkey_list, name="passkeys"),
    path("passkeys/options/", passkey_pages.registration_options, name="passkey_options"),
    path("sign-in-again/", sign_in_again.sign_in_again, name="sign_in_again"),
    path("user-code/", user_codes.user_code, name="user_code"),
    path("manifest.webmanifest", web_app.manifest, name="manifest"),
    path("service-worker.js", web_app.service_worker, name="service_worker"),
    path("offline/", web_app.offline, name="offline"),
    path("requests/<uuid:public_id>/notification.json", web_app.notification, name="notification"),
    path("devices/", devices.devices, name="devices"),
    path("devices/web-push/", devices.web_push, name="web_push"),
    path("devices/web-push/used/", devices.web_push_used, name="web_push_used"),
    path("devices/<uuid:public_id>/", devices.device, name="device"),
    path("devices/passkeys/<int:pk>/", devices.passkey, name="passkey"),
    path("muted/", muted.muted, name="muted"),
    path("muted/<int:pk>/", muted.unmute, name="unmute"),
]
