"""The authentication device: where the user sees who asks, for what, and answers (CIBA Core §3).

An inbox of plain pages, mounted by the site behind its own login:
`path("ciba/", include("django_ciba.authentication_device.urls"))`.
"""
