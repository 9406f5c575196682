"""The device's JSON API, for a site's own mobile app. Open only where the site mounts it:
`path("ciba/api/", include("django_ciba.authentication_device.api.urls"))`.

An app enrols a key that never leaves the phone. It proves that key with every call (RFC 9449), and
signs each answer with it: nobody else, this site included, can make such an answer. A request can
still be answered otherwise: on the pages, or by an operator who vouches for its user.
"""
