"""Every setting, declared once: type, default, meaning, check.

A site writes `DJANGO_CIBA = {"ISSUER": "https://op.example.com/oauth2", ...}`. Settings are read on
each access, so `override_settings` works; those marked `realm` may be overridden by a realm, under
their lower-case name. docs/reference/settings.md is written from these declarations.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from ipaddress import ip_network
from typing import Any, Generic, TypeVar, cast, overload
from urllib.parse import urlsplit

from django.conf import settings

from django_ciba.jose import CAN_ENCRYPT, BadKey, verification_keys
from django_ciba.jose import ENCRYPTION_ALGS as JWE_ALGS
from django_ciba.protocol.phone_numbers import region_problem
from django_ciba.protocol.resource import is_resource

T = TypeVar("T")
Problem = Callable[[Any], str | None]


MOST = 2**31 - 1  # what every database's integer column and every clock's arithmetic holds


def positive(value: Any) -> str | None:
    """An int above zero (bool is no number here)."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST:
        return None
    return f"must be a whole number from 1 to {MOST}"


def interval(value: Any) -> str | None:
    """Seconds between polls: a client that waits longer than an hour waits for nothing."""
    if positive(value) is None and value <= 3600:
        return None
    return "must be a whole number of seconds from 1 to 3600"


def not_negative(value: Any) -> str | None:
    """An int of zero or more."""
    if value == 0 and isinstance(value, int) and not isinstance(value, bool):
        return None
    return None if positive(value) is None else f"must be a whole number from 0 to {MOST}"


def long_polling_seconds(value: Any) -> str | None:
    """CIBA Core §7.3: a provider should not take longer than 30 seconds for an answer."""
    if positive(value) is None and value <= 30:
        return None
    return "must be a whole number of seconds from 1 to 30"


def redis_address_or_none(value: Any) -> str | None:
    """An address that the Redis client takes; the client is an extra, so it may be missing."""
    if value is None:
        return None
    if not isinstance(value, str) or not value.startswith(("redis://", "rediss://", "unix://")):
        return "must be an address that begins with redis://, rediss:// or unix://"
    if find_spec("redis") is None:
        return "needs the package redis: pip install 'django-ciba[redis]'"
    return None


def leeway(value: Any) -> str | None:
    """Clock leeway: at most a minute, or an expired token is not expired."""
    if not_negative(value) is None and value <= 60:
        return None
    return "must be a whole number of seconds from 0 to 60"


def seconds(value: Any) -> str | None:
    """An int or float above zero."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= MOST:
        return None
    return f"must be a number of seconds above 0, at most {MOST}"


def boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be True or False"


def text(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "must be a non-empty string"


def text_or_none(value: Any) -> str | None:
    return None if value is None else text(value)


def salt_or_none(value: Any) -> str | None:
    """A secret that cannot be guessed from what it made, or None."""
    if value is None or (isinstance(value, str) and len(value) >= 32):
        return None
    return "must be a string of at least 32 characters"


def pattern_or_none(value: Any) -> str | None:
    """A regular expression that compiles, or None."""
    if value is None or (problem := text(value)) is not None:
        return None if value is None else problem
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:  # all three come from a pattern
        return f"is no regular expression: {error}"
    return None


def one_of(*choices: str) -> Problem:
    """A check for one of these words."""

    def problem(value: Any) -> str | None:
        if isinstance(value, str) and value in choices:
            return None
        return f"must be {' or '.join(choices)}"

    return problem


def texts(value: Any) -> str | None:
    """A list or tuple of non-empty strings."""
    if isinstance(value, list | tuple) and all(text(each) is None for each in value):
        return None
    return "must be a list of strings"


def issuer_address(value: Any) -> str | None:
    """OpenID Connect Discovery §3: scheme, host, path; no query, no fragment."""
    if not isinstance(value, str) or not value:
        return "must be the public address of the mounted URLconf, as https://op.example.com/oauth2"
    if not value.isascii() or any(each.isspace() for each in value):
        return "must be written in ASCII, without spaces"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:  # brackets without an address in them, a port that is none
        return "is no address"
    if parts.scheme not in ("https", "http") or not parts.hostname or port == 0:
        return "must begin with https:// and name a host"
    if parts.query or parts.fragment or "@" in parts.netloc or {'"', "\\"} & set(value):
        return "must have no query, no fragment, no user name and no quotes"
    if value.endswith("/"):
        return "must not end with a slash"
    return None


def endpoint_address(value: Any) -> str | None:
    """RFC 6749 §3.1: an endpoint of the site's own; unlike an issuer it may end with a slash."""
    if not isinstance(value, str) or not value:
        return "must be the public address of that endpoint, as https://op.example.com/o/authorize/"
    return issuer_address(value.rstrip("/"))


def resources(value: Any) -> str | None:
    """RFC 8707 §2: absolute URIs without a fragment."""
    if isinstance(value, list | tuple) and all(is_resource(each) for each in value):
        return None
    return "must be a list of absolute URIs, without fragment"


def header_name_or_none(value: Any) -> str | None:
    """RFC 9110 §5.1, without the underscore, which servers and gateways fold into a hyphen."""
    if value is None or (isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9-]+", value)):
        return None
    return "must be the name of a header: letters, digits and hyphens"


def networks(value: Any) -> str | None:
    """A list of addresses, networks, or `unix`."""
    if texts(value) is not None:
        return "must be a list of strings"
    for each in value:
        try:
            _ = each == "unix" or ip_network(each)
        except ValueError:
            return f"must be a list of addresses and networks, as 10.0.0.0/8: {each} is neither"
    return None


def signing_algs(value: Any) -> str | None:
    allowed = ("ES256", "PS256", "RS256", "EdDSA")
    if texts(value) is None and value and all(each in allowed for each in value):
        return None
    return f"must be a non-empty list out of {', '.join(allowed)}"


def encryption_algs(value: Any) -> str | None:
    """A list out of what we can decrypt, which is nothing without the extra."""
    if texts(value) is not None or not all(each in JWE_ALGS for each in value):
        return f"must be a list out of {', '.join(JWE_ALGS)}"
    if value and not CAN_ENCRYPT:
        return "needs the package joserfc: pip install 'django-ciba[jwe]'"
    return None


def hint_issuers(value: Any) -> str | None:
    """A list of objects with `issuer` and one of `jwks`, `jwks_uri`."""
    message = "must be a list of objects with issuer and one of jwks, jwks_uri"
    if not isinstance(value, list | tuple):
        return message
    for at, each in enumerate(value):
        if not isinstance(each, Mapping) or text(each.get("issuer")) is not None:
            return message
        if ("jwks" in each) == ("jwks_uri" in each):
            return message
        try:
            verification_keys(each.get("jwks", {"keys": []}))
        except BadKey as error:
            return f"[{at}].jwks: {error.reason}"
    return None


class Setting(Generic[T]):
    """One declared setting: its default, meaning, check, and whether a realm may override it."""

    def __init__(
        self, default: T, doc: str, *, problem: Problem, realm: bool = False, security: str = ""
    ) -> None:
        self.default = default
        self.doc = doc
        self.problem = problem
        self.realm = realm
        self.security = security
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "Setting[T]": ...
    @overload
    def __get__(self, instance: "CibaSettings", owner: type) -> T: ...
    def __get__(self, instance: "CibaSettings | None", owner: type) -> "T | Setting[T]":
        if instance is None:
            return self
        if self.realm:
            for overrides in instance.overrides:
                if (found := overrides.get(self.name.lower())) is not None:
                    return cast(T, found)
        site = getattr(settings, "DJANGO_CIBA", {})
        if not isinstance(site, Mapping):
            return self.default  # check E002 says so; a page that says more is no use here
        return cast(T, site.get(self.name, self.default))


class CibaSettings:
    """The site's settings; with `overrides`, a realm's: its own first, then its parents'."""

    def __init__(self, overrides: tuple[Mapping[str, Any], ...] = ()) -> None:
        self.overrides = overrides

    ISSUER = Setting[str | None](
        None,
        "Public address of the mounted URLconf, without a final slash: the root realm's issuer. "
        "It is never taken from a Host header, so it must be set.",
        problem=issuer_address,
    )
    AUTHORIZATION_ENDPOINT = Setting[str | None](
        None,
        "Address of the site's own authorization endpoint, when another OpenID Provider lives "
        "beside this one. Default: our page that says there is no front-channel flow.",
        problem=lambda value: None if value is None else endpoint_address(value),
    )
    HOOKS = Setting(
        "django_ciba.hooks.CibaHooks",
        "Dotted path of the class that answers what only the host site knows: who a hint means, "
        "which claims a user has, who may sign in.",
        problem=text,
    )
    LOGIN_HINT_FIELDS = Setting[tuple[str, ...] | list[str]](
        ("username", "email", "pk"),
        "Fields of the user model that a plain `login_hint` is compared with. A hint that fits "
        "more than one user fits nobody, and the primary key is nothing that pairwise clients may "
        "name users by.",
        problem=texts,
    )
    PHONE_REGION = Setting[str | None](
        None,
        "Country in which telephone numbers without a country code are dialled, as `GE`: those of "
        "a hint (`msisdn`, `phone_number`), and those that the site has stored. None: numbers are "
        "known by their country code alone. Needs `django-ciba[phone]`.",
        problem=region_problem,
    )
    AUTH_REQ_ID_LIFETIME = Setting(
        600,
        "Seconds that an authentication request lives when the client asks for no "
        "`requested_expiry` (`expires_in`, CIBA Core §7.3).",
        problem=positive,
        realm=True,
    )
    AUTH_REQ_ID_LIFETIME_MIN = Setting(
        10, "Least seconds that `requested_expiry` may ask for.", problem=positive, realm=True
    )
    AUTH_REQ_ID_LIFETIME_MAX = Setting(
        1800, "Most seconds that `requested_expiry` may ask for.", problem=positive, realm=True
    )
    POLLING_INTERVAL = Setting(
        2,
        "Seconds that a client waits between polls (`interval`, CIBA Core §7.3).",
        problem=interval,
        realm=True,
    )
    POLLING_INTERVAL_MAX = Setting(
        60,
        "Most seconds that `slow_down` can let the interval grow to (5 seconds each time).",
        problem=interval,
        realm=True,
    )
    ACCESS_TOKEN_LIFETIME = Setting(
        3599, "Seconds that an access token is valid.", problem=positive, realm=True
    )
    REFRESH_TOKEN_LIFETIME = Setting(
        30 * 86400, "Seconds that a refresh token is valid.", problem=positive, realm=True
    )
    ID_TOKEN_LIFETIME = Setting(
        3600, "Seconds from an ID token's `iat` to its `exp`.", problem=positive, realm=True
    )
    SIGNING_ALGS = Setting[tuple[str, ...] | list[str]](
        ("ES256", "RS256", "PS256", "EdDSA"),
        "Algorithms that a realm keeps a signing key for. OpenID Connect Discovery asks every "
        "provider for RS256; ES256 is the default for ID tokens.",
        problem=signing_algs,
        realm=True,
    )
    ENCRYPTION_ALGS = Setting[tuple[str, ...] | list[str]](
        (),
        "Algorithms that a realm keeps a key for, so that signed requests can be encrypted to it: "
        "out of RSA-OAEP-256, ECDH-ES, ECDH-ES+A256KW. Needs `django-ciba[jwe]`.",
        problem=encryption_algs,
        realm=True,
    )
    SCOPES = Setting[tuple[str, ...] | list[str]](
        ("openid", "profile", "email", "phone", "address"),
        "Scopes that a realm knows; a client may ask for those that are in its own list too.",
        problem=texts,
        realm=True,
    )
    REQUIRE_MAPPED_ACR = Setting(
        False,
        "Refuse a request whose `acr_values` name no mapped value, instead of walking the realm's "
        "default journey.",
        problem=boolean,
        realm=True,
    )
    BINDING_MESSAGE_PATTERN = Setting[str | None](
        None,
        "Regular expression that a whole `binding_message` must fit as well (`re.fullmatch`), to "
        "narrow it for displays that show less than Unicode. Keep it simple: a pattern with nested "
        "repetition can take very long on a hostile message.",
        problem=pattern_or_none,
        realm=True,
    )
    ACCEPT_EXPIRED_ID_TOKEN_HINT = Setting(
        False,
        "Take an `id_token_hint` whose `exp` has passed (it still must be ours, for this client).",
        problem=boolean,
        realm=True,
        security="An old, stolen ID token can then start requests for its subject.",
    )
    TRUSTED_HINT_ISSUERS = Setting[tuple[Mapping[str, Any], ...] | list[Mapping[str, Any]]](
        (),
        "Who may sign a `login_hint_token`: objects with `issuer` and one of `jwks`, `jwks_uri`.",
        problem=hint_issuers,
        realm=True,
    )
    REQUIRE_FAPI_CIBA = Setting(
        False,
        "Take only clients of `profile` `fapi-ciba` in this realm: signed requests, ping or poll, "
        "sender-constrained tokens, asymmetric client authentication.",
        problem=boolean,
        realm=True,
    )
    PUSH_DELIVERY = Setting(
        False,
        "Let clients of this realm have their tokens pushed (`backchannel_token_delivery_mode` "
        "`push`). FAPI-CIBA forbids it.",
        problem=boolean,
        realm=True,
        security="Tokens are then sent to an address that the client has registered, to whoever "
        "answers there.",
    )
    RESOURCES = Setting[tuple[str, ...] | list[str]](
        (),
        "Resources that tokens may be asked for by `resource` (RFC 8707): absolute URIs. UserInfo, "
        "by the issuer or by its own address, is always one.",
        problem=resources,
        realm=True,
    )
    PAIRWISE_SALT = Setting[str | None](
        None,
        "Secret that pairwise subjects are made with. Set it before the first client of "
        "`subject_type` `pairwise`, and never change it: their subjects change with it. At least "
        "32 characters, say of `secrets.token_urlsafe(32)`.",
        problem=salt_or_none,
    )
    REGISTRATION = Setting(
        "off",
        "Dynamic client registration (RFC 7591): `off`, `token` (with an initial access token "
        "that an operator made) or `open` (whoever asks).",
        problem=lambda value: (
            None if value in ("off", "token", "open") else "must be 'off', 'token' or 'open'"
        ),
        realm=True,
        security="With `open`, everybody can make the server read a `jwks_uri` and ask users.",
    )
    CLIENT_CERTIFICATE_HEADER = Setting[str | None](
        None,
        "Header in which the TLS-terminating proxy hands on the client's certificate, as "
        "`Client-Cert`. None: no client certificates.",
        problem=header_name_or_none,
    )
    CLIENT_CERTIFICATE_FORMAT = Setting(
        "rfc9440",
        "What that header holds: `nginx` (`$ssl_client_escaped_cert`), `envoy` "
        "(`x-forwarded-client-cert`) or `rfc9440` (`Client-Cert`).",
        problem=lambda value: (
            None
            if value in ("nginx", "envoy", "rfc9440")
            else "must be 'nginx', 'envoy' or 'rfc9440'"
        ),
    )
    CLIENT_CERTIFICATE_VERIFIED_HEADER = Setting[str | None](
        None,
        "Header in which the same proxy says `SUCCESS` when it has verified the certificate's "
        "chain, as nginx's `$ssl_client_verify` does. `tls_client_auth` needs it: a proxy that "
        "also lets self-signed certificates in hands on whatever name they claim. None: no "
        "`tls_client_auth`.",
        problem=header_name_or_none,
    )
    TRUSTED_PROXIES = Setting[tuple[str, ...] | list[str]](
        (),
        "Addresses or networks (`10.0.0.0/8`) of the proxies whose certificate header is "
        "believed, as REMOTE_ADDR has them; `unix` for a proxy that comes by a Unix socket.",
        problem=networks,
        security="Whoever can connect from one of them can claim to be any client that "
        "authenticates by certificate.",
    )
    MTLS_ENDPOINTS = Setting[str | None](
        None,
        "Public address of the mounted URLconf where the TLS server asks for client certificates, "
        "when that is another host than ISSUER (`mtls_endpoint_aliases`, RFC 8705 §5).",
        problem=lambda value: None if value is None else issuer_address(value),
    )
    DPOP_PROOF_LIFETIME = Setting(
        60, "Seconds that a DPoP proof is taken after its `iat`.", problem=positive
    )
    DPOP_NONCE_REQUIRED = Setting(
        False,
        "Ask for a nonce of ours in every DPoP proof (RFC 9449 §8): a stolen, pre-made proof is "
        "then of no use, and each client asks twice now and then.",
        problem=boolean,
        realm=True,
    )
    DPOP_NONCE_LIFETIME = Setting(300, "Seconds that a DPoP nonce is taken.", problem=positive)
    KEY_ROTATION = Setting[int | None](
        None,
        "Seconds that a signing key signs before the scheduled rotation (`django_ciba.rotate_keys` "
        "by Celery beat, or `manage.py ciba_run_due`) puts the next one in its place. None: keys "
        "are rotated by hand.",
        problem=lambda value: None if value is None else positive(value),
        realm=True,
    )
    KEY_PUBLISHED_BEFORE = Setting(
        86400,
        "Seconds that a key has been published before it signs: as long as clients may cache the "
        "JWK Set. A rotation that comes sooner is refused, unless it is asked for at once.",
        problem=not_negative,
        realm=True,
    )
    LONG_POLLING_SECONDS = Setting(
        30,
        "Most seconds that a poll of a client with `backchannel_long_polling` is held, where the "
        "site runs under ASGI with `django_ciba.long_polling`.",
        problem=long_polling_seconds,
    )
    LONG_POLLING_MOST = Setting(
        5000,
        "Polls that one process holds; one more is answered 503, with `Retry-After`.",
        problem=positive,
    )
    LONG_POLLING_REDIS = Setting[str | None](
        None,
        "Address of a Redis that wakes held polls, as `redis://127.0.0.1:6379/0`; every process of "
        "the site needs it, workers and commands too. None: the database is asked once a second "
        "for all that are held.",
        problem=redis_address_or_none,
    )
    CLOCK_LEEWAY = Setting(
        30, "Seconds by which another party's clock may differ from ours.", problem=leeway
    )
    USER_CODE_MAX_FAILURES = Setting(
        5, "Wrong user codes in a row before the user's code is locked.", problem=positive
    )
    USER_CODE_LOCKOUT = Setting(
        900, "Seconds that a user's code stays locked after too many failures.", problem=positive
    )
    OPEN_PROMPTS_PER_USER = Setting(
        5,
        "Most requests that may wait for one user at a time, whoever asks.",
        problem=positive,
        realm=True,
    )
    OPEN_PROMPTS_PER_CLIENT = Setting(
        3,
        "Most requests of one client that may wait for one user at a time.",
        problem=positive,
        realm=True,
    )
    PROMPTS_PER_USER = Setting(
        20,
        "Most requests that one user is asked in `PROMPT_WINDOW` seconds, answered ones and "
        "cancelled ones too.",
        problem=positive,
        realm=True,
    )
    PROMPT_WINDOW = Setting(
        600, "Seconds in which `PROMPTS_PER_USER` are counted.", problem=positive, realm=True
    )
    DENIALS_BEFORE_COOL_DOWN = Setting(
        3,
        "Denials of one client's requests, by one user and within `COOL_DOWN` seconds, after which "
        "that client may not ask that user until the first of them is so old. A request with wrong "
        "numbers or passcodes, and no approval yet, counts as a denial.",
        problem=positive,
        realm=True,
    )
    COOL_DOWN = Setting(
        900, "Seconds that a denial counts towards a cool-down.", problem=positive, realm=True
    )
    REPORT_MUTE = Setting(
        86400,
        "Seconds that a client may not ask a user who has reported a request of its: this was not "
        "me.",
        problem=positive,
        realm=True,
    )
    LOGIN_MAX_AGE = Setting(
        43200,
        "Seconds after which a login is too old to approve with: the user signs in again first. A "
        "node of the journey may have its own (`max_login_age`).",
        problem=positive,
        realm=True,
    )
    STEP_UP = Setting(
        "django_ciba.authentication_device.step_up.PasswordStepUp",
        "Dotted path of the class that knows how a session's user has signed in, and where they do "
        "so again or with a second factor. Ours for allauth is `AllauthStepUp`, for django-otp "
        "`OtpStepUp`, in the same module.",
        problem=text,
    )
    PASSKEY_RP_ID = Setting[str | None](
        None,
        "Domain that passkeys belong to (WebAuthn `rp.id`). Default: the host of `DEVICE_URL`, or "
        "of the issuer. Passkeys made for one are of no use with another.",
        problem=text_or_none,
    )
    PASSKEY_RP_NAME = Setting[str | None](
        None,
        "What the browser calls this site when a passkey is made. Default: its domain.",
        problem=text_or_none,
    )
    PASSKEY_ORIGINS = Setting[tuple[str, ...] | list[str]](
        (),
        "Origins on which passkeys may be used, as `https://op.example.com`. Default: that of "
        "`DEVICE_URL`, or of the issuer.",
        problem=texts,
    )
    VAPID_PRIVATE_KEY = Setting[str | None](
        None,
        "Key that web pushes are signed with (RFC 8292), as `manage.py ciba_webpush_key` prints it."
        " Browsers that have subscribed under one key get nothing under another.",
        problem=text_or_none,
    )
    VAPID_CONTACT = Setting[str | None](
        None,
        "Where push services reach you, as `mailto:ops@example.com` (RFC 8292 `sub`).",
        problem=text_or_none,
    )
    FCM_SERVICE_ACCOUNT = Setting[str | None](
        None,
        "File with the service account key that Firebase Cloud Messaging is called with.",
        problem=text_or_none,
    )
    APNS_KEY_FILE = Setting[str | None](
        None,
        "File with the key (.p8) that Apple's push service is called with.",
        problem=text_or_none,
    )
    APNS_KEY_ID = Setting[str | None](None, "Its key ID.", problem=text_or_none)
    APNS_TEAM_ID = Setting[str | None](None, "Its team ID.", problem=text_or_none)
    APNS_TOPIC = Setting[str | None](
        None, "Bundle ID of the app that APNs delivers to.", problem=text_or_none
    )
    APNS_SANDBOX = Setting(
        False, "Whether the app is a development build of Apple's.", problem=boolean
    )
    SMS_BACKEND = Setting[str | None](
        None,
        "Dotted path of the site's own subclass of `django_ciba.prompts.sms.SmsBackend`: who sends "
        "its text messages.",
        problem=text_or_none,
    )
    DEVICE_ENROLMENT_LIFETIME = Setting(
        600, "Seconds that a code to enrol an app is good for.", problem=positive
    )
    DEVICE_API_URL = Setting[str | None](
        None,
        "Public address at which `django_ciba.authentication_device.api.urls` is mounted, for the "
        "site's own app, as `https://op.example.com/ciba/api`. Default: the path of that mount, on "
        "the host of `DEVICE_URL` or of the issuer.",
        problem=lambda value: None if value is None else endpoint_address(value),
    )
    DEVICE_API_AMR = Setting[tuple[str, ...] | list[str]](
        (),
        "Authentication methods (RFC 8176) that the site's own app may claim for an answer that it "
        "signs, as `fpt` or `pin`: those that it really asks for. Others are left out.",
        problem=texts,
        security="What the app says of itself is believed: name only what its code enforces.",
    )
    PROMPT_CHANNELS = Setting[tuple[str, ...] | list[str]](
        ("email",),
        "Channels that tell the user about a waiting request, besides the inbox: names out of "
        "`console`, `email`, `webpush`, `fcm`, `apns`, `sms`, or dotted paths of "
        "the site's own `Channel` classes.",
        problem=texts,
    )
    DEVICE_URL = Setting[str | None](
        None,
        "Public address of the authentication device (the inbox), put into prompts. "
        "Default: `/ciba/` on the issuer's host.",
        problem=text_or_none,
    )
    JOURNEY_NODES = Setting[tuple[str, ...] | list[str]](
        (), "Dotted paths of the site's own journey node classes.", problem=texts
    )
    ENCRYPTION_KEYS = Setting[tuple[str, ...] | list[str]](
        (),
        "Secrets that encrypt signing keys and the values we must send again, newest first; old "
        "ones still decrypt. Default: SECRET_KEY and SECRET_KEY_FALLBACKS.",
        problem=texts,
    )
    CONFIGURATION_MAX_AGE = Setting(
        1.0,
        "Seconds after which a process looks whether realms, clients or keys have changed.",
        problem=seconds,
        security="A revoked client is accepted for at most this long.",
    )
    OUTBOUND_DEADLINE = Setting(
        5.0,
        "Seconds that one outbound call (a client's JWKS, its callback) may take in all.",
        problem=seconds,
    )
    OUTBOUND_MAX_BYTES = Setting(
        65536, "Bytes that are read of an outbound call's answer.", problem=positive
    )
    OUTBOUND_ALLOW_LOOPBACK = Setting(
        False,
        "Let outbound calls and registered addresses be plain http and reach loopback.",
        problem=boolean,
        security="For development and tests only: with it, a client can make the server call "
        "services on its own machine.",
    )
    OUTBOUND_PROXY = Setting[str | None](
        None,
        "Address of an egress proxy that outbound calls go through; it then decides which "
        "addresses are allowed.",
        problem=text_or_none,
    )
    OUTBOUND_CA_BUNDLE = Setting[str | None](
        None,
        "File of certificate authorities that outbound calls trust. Default: the system's.",
        problem=text_or_none,
    )
    JWKS_MAX_AGE = Setting(
        300,
        "Seconds after which a client's JWKS at its `jwks_uri` is read again.",
        problem=positive,
    )
    JWKS_MAX_STALE = Setting(
        86400, "Seconds that a JWKS is used while its address does not answer.", problem=positive
    )
    JWKS_MIN_REFETCH = Setting(
        30,
        "Least seconds between two reads of one `jwks_uri`, whatever key ids requests name.",
        problem=positive,
    )
    MAX_BODY_BYTES = Setting(
        65536, "Largest request body that the endpoints read.", problem=positive
    )
    RETENTION = Setting(
        86400,
        "Seconds that an authentication request is kept after it has expired, whatever became of "
        "it, so that late polls hear `expired_token` and operators can look at it. It is kept "
        "for as long as a limit counts it in any case: the longer of `PROMPT_WINDOW` and "
        "`COOL_DOWN`.",
        problem=not_negative,
    )
    AUDIT_RETENTION = Setting(
        400 * 86400,
        "Seconds that an audit event is kept: who answered, reported or muted, what was refused, "
        "and when. Events outlive the requests that they are about.",
        problem=positive,
    )
    RETIRED_KEYS_KEPT = Setting(
        30 * 86400,
        "Seconds that a retired signing key stays published. After that, ID tokens that it signed "
        "are no longer known again as `id_token_hint`.",
        problem=positive,
    )
    DELIVERY_LEASE = Setting(
        30, "Seconds that a worker has to finish a delivery it claimed.", problem=positive
    )
    TASK_RUNNER = Setting(
        "celery",
        "`celery`: prompts and timers are woken through Celery. `none`: they wait for "
        "`manage.py ciba_run_due --loop`.",
        problem=lambda value: None if value in ("celery", "none") else "must be 'celery' or 'none'",
    )

    @property
    def key_algs(self) -> tuple[str, ...]:
        """Every algorithm that a realm keeps keys for: to sign, and to have things encrypted to."""
        return (*self.SIGNING_ALGS, *self.ENCRYPTION_ALGS)

    @property
    def device_address(self) -> str:
        """DEVICE_URL, or its default, without a final slash."""
        if self.DEVICE_URL:
            return self.DEVICE_URL.rstrip("/")
        parts = urlsplit(self.ISSUER or "")
        return f"{parts.scheme}://{parts.netloc}/ciba"

    @property
    def passkey_rp_id(self) -> str:
        """WebAuthn §4 RP ID: PASSKEY_RP_ID, or its default."""
        return self.PASSKEY_RP_ID or urlsplit(self.device_address).hostname or ""

    @property
    def passkey_origins(self) -> tuple[str, ...]:
        """PASSKEY_ORIGINS, or its default."""
        if self.PASSKEY_ORIGINS:
            return tuple(self.PASSKEY_ORIGINS)
        parts = urlsplit(self.device_address.lower())
        usual = {"https": ":443", "http": ":80"}.get(parts.scheme, ":")
        return (f"{parts.scheme}://{parts.netloc.removesuffix(usual)}",)

    @classmethod
    def declared(cls) -> Iterator[Setting[Any]]:
        """Every declared setting, in the order of declaration."""
        for each in vars(cls).values():
            if isinstance(each, Setting):
                yield each


ciba_settings = CibaSettings()


def realm_setting_problems(overrides: Any) -> Iterator[tuple[str, str]]:
    """(name, problem) for each wrong member of a realm's `settings` object."""
    if not isinstance(overrides, Mapping):
        yield "", "must be an object"
        return
    known = {each.name.lower(): each for each in CibaSettings.declared() if each.realm}
    for name, value in overrides.items():
        if name not in known:
            yield name, "is not a setting of a realm"
        elif (problem := known[name].problem(value)) is not None:
            yield name, problem
