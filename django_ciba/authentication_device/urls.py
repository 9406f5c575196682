"""The inbox's pages. The site mounts them where it likes, `/ciba/` being the usual place."""

from django.urls import path

from django_ciba.authentication_device import app_enrolment, decisions, inbox, user_codes

app_name = "ciba_device"

urlpatterns = [
    path("", inbox.inbox, name="inbox"),
    path("waiting.json", inbox.waiting, name="waiting"),
    path("history/", inbox.history, name="history"),
    path("requests/<uuid:public_id>/", decisions.request_page, name="request"),
    path("requests/<uuid:public_id>/card/", decisions.card, name="card"),
    path("requests/<uuid:public_id>/waiting.json", inbox.waiting, name="request_waiting"),
    path("apps/", app_enrolment.apps, name="apps"),
    path("user-code/", user_codes.user_code, name="user_code"),
]
