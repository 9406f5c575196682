"""The device's JSON API, for a site's own mobile app. Open only where the site mounts it:
`path("ciba/api/", include("django_ciba.authentication_device.api.urls"))`.

An app enrols a key that never leaves the phone. It proves that key with every call (RFC 9449), and
signs each answer with it, so that nobody, this site included, can say yes in the user's place.
"""
