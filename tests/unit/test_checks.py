"""System checks: a careless site hears each of them, and a careful one hears nothing from us."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from celery import Celery, current_app
from django.apps import apps
from django.conf.urls.i18n import i18n_patterns
from django.contrib.auth.views import LoginView
from django.core import checks
from django.core.checks import CheckMessage
from django.core.checks.registry import registry
from django.core.handlers.asgi import ASGIRequest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.urls import include, path, re_path, reverse_lazy
from pytest_django import Settings

from django_ciba.authorization_details import details_types
from django_ciba.checks import CHECKS, answering
from django_ciba.conf import CibaSettings, Setting
from django_ciba.hooks import CibaHooks
from django_ciba.journeys import Node
from django_ciba.models import Client, Journey, Realm, SigningKey
from django_ciba.prompts import Channel
from tests import provider
from tests.authorization_details import make_details_type

ROOT = Path(__file__).parents[2]
HERE = "tests.unit.test_checks"
LOCAL_MEMORY = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
SHARED = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache"}}
RUN_DUE = {"task": "django_ciba.run_due", "schedule": 5.0}
CLEANUP = {"task": "django_ciba.cleanup", "schedule": 3600.0}
ROTATE_KEYS = {"task": "django_ciba.rotate_keys", "schedule": 3600.0}
CERTIFICATES: dict[str, Any] = {
    "CLIENT_CERTIFICATE_HEADER": "Client-Cert",
    "CLIENT_CERTIFICATE_VERIFIED_HEADER": "Client-Cert-Verified",
    "TRUSTED_PROXIES": ["10.0.0.0/8", "203.0.113.7", "unix"],
    "MTLS_ENDPOINTS": "https://mtls.op.example.com/oauth2",
}
WRONG_VALUES: tuple[Any, ...] = (None, -1, object(), [None], {}, "", b"x")
ASK_THE_DATABASE = {
    *("W041", "W042", "W043", "E044", "E045", "W046", "W047", "E048", "W050", "E051", "E052"),
    *("W053", "W083", "W089", "W093", "W094"),
}


class Hooks(CibaHooks):
    pass


class UnfinishedChannel(Channel):
    def reaches(self, user: Any) -> bool:
        return True


class FullChannel(UnfinishedChannel):
    def send(self, prompt: Any) -> None: ...


class OwnNode(Node):
    type = "OwnNode"
    label = "Own Node"
    outcomes = ("done",)

    def step(self, step: Any) -> str:
        return "done"


class SecondNodeOfThatType(OwnNode):
    type = "PushSender"


class NodeWithoutType(Node):
    def step(self, step: Any) -> str:
        return "done"


@dataclass
class Site:
    """A careful site; what a test changes is its one carelessness."""

    settings: Settings
    monkeypatch: pytest.MonkeyPatch
    celery: Celery
    ciba: dict[str, Any] = field(default_factory=dict)

    def put(self, name: str, value: Any) -> None:
        self.ciba = {**self.ciba, name: value}
        self.settings.DJANGO_CIBA = self.ciba

    def mount(self, *urlpatterns: Any) -> None:
        module = ModuleType("careless_urls")
        module.urlpatterns = [*urlpatterns, DEVICE_API, LOGIN]  # type: ignore[attr-defined]
        self.monkeypatch.setitem(sys.modules, module.__name__, module)
        self.settings.ROOT_URLCONF = module.__name__


def hear(*, deploy: bool = True, database: bool = True) -> list[CheckMessage]:
    """What our checks say, Django's own and silenced ones left out."""
    found = checks.run_checks(
        include_deployment_checks=deploy, databases=["default"] if database else None
    )
    ours = [each for each in found if each.id and each.id.startswith("django_ciba.")]
    return [each for each in ours if not each.is_silenced()]


def heard(**options: bool) -> set[str]:
    """The ids without our prefix; SQLite is no carelessness of these tests' sites."""
    ids = {str(each.id).removeprefix("django_ciba.") for each in hear(**options)}
    return ids - ({"I022"} if connection.vendor == "sqlite" else set())


def messages(**options: bool) -> list[str]:
    return [each.msg for each in hear(**options) if each.id != "django_ciba.I022"]


@pytest.fixture
def site(db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    before: Celery = current_app._get_current_object()  # type: ignore[attr-defined]
    with Celery("careful") as celery:
        celery.conf.update(
            broker_url="redis://broker.example.com",
            broker_transport_options={"socket_timeout": 2, "socket_connect_timeout": 2},
            beat_schedule={"due": RUN_DUE, "cleanup": CLEANUP, "keys": ROTATE_KEYS},
        )
        careful = Site(settings, monkeypatch, celery)
        for name, value in {
            "ISSUER": "https://op.example.com/oauth2",
            "ENCRYPTION_KEYS": ["FJsVTOomzgHKg6g5AMHTPKT-AMM2BYYb8oKZ8uLhjyI"],
            "PROMPT_CHANNELS": ["email", f"{HERE}.FullChannel"],
            "HOOKS": f"{HERE}.Hooks",
            "JOURNEY_NODES": [f"{HERE}.OwnNode"],
            "LOGIN_HINT_FIELDS": ["email", "pk"],
            "DEVICE_API_AMR": ["fpt", "pin"],
        }.items():
            careful.put(name, value)
        settings.CACHES = SHARED
        provider.make_realm()
        yield careful
    before.set_current()


def test_a_careful_site_hears_nothing(site: Site) -> None:
    assert heard() == set()


@pytest.mark.only_on("postgresql")
def test_a_careful_site_on_postgresql_hears_nothing_at_all(site: Site) -> None:
    assert hear() == []


def test_the_least_that_a_site_must_set_is_enough_for_development(settings: Settings) -> None:
    settings.DJANGO_CIBA = {"ISSUER": "http://localhost:8000/oauth2"}
    assert hear(deploy=False, database=False) == []


PROVIDER = path("oauth2/", include("django_ciba.urls"))
DEVICE = path("ciba/", include("django_ciba.authentication_device.urls"))
DEVICE_API = path("ciba/api/", include("django_ciba.authentication_device.api.urls"))
LOGIN = path("accounts/login/", LoginView.as_view(), name="login")


def set_ciba(name: str, value: Any) -> Callable[[Site], None]:
    return lambda site: site.put(name, value)


def set_celery(**options: Any) -> Callable[[Site], None]:
    return lambda site: site.celery.conf.update(**options)


def mount(*urlpatterns: Any) -> Callable[[Site], None]:
    return lambda site: site.mount(*urlpatterns)


def set_realm(**settings: Any) -> Callable[[Site], None]:
    def careless(site: Site) -> None:
        Realm.objects.update(settings=settings)

    return careless


def no_use_tz(site: Site) -> None:
    site.settings.USE_TZ = False


def local_memory(site: Site) -> None:
    site.settings.CACHES = LOCAL_MEMORY


def no_realm(site: Site) -> None:
    Realm.objects.all().delete()


def no_keys(site: Site) -> None:
    SigningKey.objects.filter(alg="PS256").update(state=SigningKey.State.RETIRED)


def rotation_without_beat(site: Site) -> None:
    site.put("KEY_ROTATION", 90 * 86400)
    set_celery(beat_schedule={"due": RUN_DUE, "cleanup": CLEANUP})(site)


def lost_secret(site: Site) -> None:
    site.put("ENCRYPTION_KEYS", ["CHsVTOomzgHKg6g5AMHTPKT-AMM2BYYb8oKZ8uLhjyI"])


def set_login(address: Any) -> Callable[[Site], None]:
    def careless(site: Site) -> None:
        site.settings.LOGIN_URL = address

    return careless


def no_default_journey(site: Site) -> None:
    provider.make_client(Realm.objects.get())
    Realm.objects.update(default_journey=None)


def details_type_with(**changes: Any) -> Callable[[Site], None]:
    def careless(site: Site) -> None:
        make_details_type(Realm.objects.get(), **changes)

    return careless


def details_type_without_library(site: Site) -> None:
    make_details_type(Realm.objects.get())
    site.monkeypatch.setattr(details_types, "INSTALLED", False)


def without_device_api(site: Site) -> None:
    site.mount(PROVIDER, DEVICE)
    sys.modules["careless_urls"].urlpatterns.remove(DEVICE_API)


def passkeys_without_library(site: Site) -> None:
    site.put("PASSKEY_RP_NAME", "Example")
    site.monkeypatch.setattr(answering, "find_spec", lambda name: None)


def install(app: str) -> Callable[[Site], None]:
    """Only by its name: tests/step_up_hosts have the apps themselves."""

    def careless(site: Site) -> None:
        site.monkeypatch.setattr(apps, "is_installed", lambda name: name == app)

    return careless


def journey_with_passkeys(site: Site) -> None:
    site.monkeypatch.setattr(answering, "find_spec", lambda name: None)
    nodes = {**provider.PUSH_JOURNEY["nodes"]}
    nodes["send"] = {**nodes["send"], "config": {"push_type": "biometric"}}
    Journey.objects.create(
        realm=Realm.objects.get(),
        name="By passkey",
        document={**provider.PUSH_JOURNEY, "nodes": nodes},
    )


def client_of_before(site: Site) -> None:
    """A realm that was closed to all but FAPI-CIBA when it had a client already."""
    realm = Realm.objects.get()
    provider.make_client(realm)
    realm.settings["require_fapi_ciba"] = True
    realm.save()


def two_steps_for_hidden_users(site: Site) -> None:
    realm = Realm.objects.get()
    provider.make_client(realm, two_step_user_code=True, hide_unknown_users=True)


def two_steps_without_phone_numbers(site: Site) -> None:
    site.monkeypatch.setattr("django_ciba.checks.stored_rows.CAN_READ_NUMBERS", False)
    provider.make_client(Realm.objects.get(), two_step_user_code=True)


def pairwise_without_salt(site: Site) -> None:
    provider.make_client(Realm.objects.get(), subject_type="pairwise")


def take_certificates(site: Site, **changes: Any) -> None:
    """As on a Django of today: tests run on some that still fold the names of headers."""

    class Keeping(ASGIRequest):
        def __init__(self, scope: Any, body_file: Any) -> None:
            kept = [each for each in scope["headers"] if b"_" not in each[0]]
            super().__init__({**scope, "headers": kept}, body_file)

    site.monkeypatch.setattr("django_ciba.checks.client_certificates.ASGIRequest", Keeping)
    for name, value in {**CERTIFICATES, **changes}.items():
        site.put(name, value)


def set_certificates(**changes: Any) -> Callable[[Site], None]:
    """Client certificates from one proxy; its operator has been told to clear the headers."""

    def careless(site: Site) -> None:
        site.settings.SILENCED_SYSTEM_CHECKS = ["django_ciba.I018"]
        take_certificates(site, **changes)

    return careless


def folding_django(site: Site) -> None:
    """ASGIRequest as it was before CVE-2026-3902: _ and - in the name of a header are one."""
    set_certificates()(site)

    class Folding(ASGIRequest):
        def __init__(self, scope: Any, body_file: Any) -> None:
            super().__init__(scope, body_file)
            for name, value in scope["headers"]:
                folded = name.decode().upper().replace("-", "_")
                self.META[f"HTTP_{folded}"] = value.decode()

    site.monkeypatch.setattr("django_ciba.checks.client_certificates.ASGIRequest", Folding)


def issuer_of(stored: str) -> Callable[[Site], None]:
    def careless(site: Site) -> None:
        Realm.objects.update(issuer_override=stored)

    return careless


def issuer_of_another(site: Site) -> None:
    """Both were right until ISSUER changed."""
    branch = provider.make_realm("branch", Realm.objects.get())
    Realm.objects.filter(pk=branch.pk).update(issuer_override=site.ciba["ISSUER"])


def sqlite_by_default(site: Site) -> None:
    site.monkeypatch.delitem(connections["default"].settings_dict["OPTIONS"], "transaction_mode")


SQLITE = pytest.mark.only_on("sqlite")
CARELESS: list[Any] = [
    ("E001", set_ciba("ISSUER", None), "must be the public address of the mounted URLconf"),
    ("E001", set_ciba("ISSUER", "op.example.com"), "must begin with https:// and name a host"),
    ("E001", set_ciba("ISSUER", "https://op.example.com/oauth2/"), "must not end with a slash"),
    ("E002", set_ciba("POLING_INTERVAL", 5), "Did you mean 'POLLING_INTERVAL'?"),
    ("E002", set_ciba("issuer", "https://x.example"), "Did you mean 'ISSUER'?"),
    ("E002", set_ciba("XYZZY", 5), "DJANGO_CIBA has no setting 'XYZZY'."),
    ("E002", set_ciba(7, 5), "DJANGO_CIBA has no setting 7."),  # type: ignore[arg-type]
    ("E003", set_ciba("POLLING_INTERVAL", "5"), "must be a whole number of seconds from 1 to"),
    ("E003", set_ciba("TASK_RUNNER", "cron"), "must be 'celery' or 'none'"),
    ("E003", set_ciba("SIGNING_ALGS", ["HS256"]), "must be a non-empty list out of ES256"),
    ("E003", set_ciba("PAIRWISE_SALT", "salt"), "must be a string of at least 32 characters"),
    ("E003", set_ciba("ENCRYPTION_KEYS", "secret"), "must be a list of strings"),
    ("E003", set_ciba("ENCRYPTION_KEYS", [None]), "must be a list of strings"),
    ("E003", set_ciba("BINDING_MESSAGE_PATTERN", "["), "is no regular expression"),
    ("E004", set_ciba("AUTH_REQ_ID_LIFETIME", 5), "(10) must not be more than"),
    ("E004", set_ciba("AUTH_REQ_ID_LIFETIME", 3600), "AUTH_REQ_ID_LIFETIME_MAX'] (1800)"),
    ("E004", set_ciba("POLLING_INTERVAL", 61), "POLLING_INTERVAL_MAX'] (60)"),
    ("E004", set_ciba("JWKS_MAX_STALE", 10), "JWKS_MAX_AGE'] (300) must not be more than"),
    ("E004", set_ciba("KEY_ROTATION", 3600), "KEY_PUBLISHED_BEFORE'] (86400) must not be more"),
    ("E004", set_ciba("RETIRED_KEYS_KEPT", 60), "ID_TOKEN_LIFETIME'] (3600) must not be more than"),
    ("E004", set_ciba("DELIVERY_LEASE", 1), "OUTBOUND_DEADLINE'] (5.0) must not be more than"),
    ("E004", set_ciba("OUTBOUND_CA_BUNDLE", "/no/such/file"), "is not a file"),
    ("E004", set_ciba("SCOPES", ["profile"]), "must hold 'openid'"),
    ("E005", no_use_tz, "USE_TZ is False"),
    ("E006", set_ciba("HOOKS", "no.such.module"), "cannot be imported: No module named 'no'"),
    ("E006", set_ciba("HOOKS", f"{HERE}.OwnNode"), "is not a subclass of django_ciba.hooks.Ciba"),
    ("E006", set_ciba("HOOKS", "Hooks"), "cannot be imported"),
    ("E007", set_ciba("LOGIN_HINT_FIELDS", ["phone"]), "auth.User has no field 'phone'"),
    ("E007", set_ciba("LOGIN_HINT_FIELDS", ["groups__name"]), "no field 'groups__name'"),
    ("E007", set_ciba("LOGIN_HINT_FIELDS", ["ciba_grants"]), "of its own"),
    ("E007", set_ciba("LOGIN_HINT_FIELDS", []), "is empty"),
    ("E008", set_ciba("PROMPT_CHANNELS", ["pigeon"]), "'pigeon' is neither a dotted path nor"),
    ("E008", set_ciba("PROMPT_CHANNELS", ["no.such.Channel"]), "cannot be imported"),
    ("E008", set_ciba("PROMPT_CHANNELS", [f"{HERE}.OwnNode"]), "is not a subclass of"),
    (
        "E008",
        set_ciba("PROMPT_CHANNELS", [f"{HERE}.UnfinishedChannel"]),
        "does not say what send does",
    ),
    ("E009", set_ciba("JOURNEY_NODES", [f"{HERE}.Hooks"]), "is not a subclass of"),
    (
        "E009",
        set_ciba("JOURNEY_NODES", [f"{HERE}.SecondNodeOfThatType"]),
        "there is a node type PushSender already",
    ),
    ("E009", set_ciba("JOURNEY_NODES", [f"{HERE}.NodeWithoutType"]), "'type'"),
    ("E024", set_ciba("STEP_UP", "no.such.StepUp"), "cannot be imported"),
    ("E024", set_ciba("STEP_UP", f"{HERE}.Hooks"), "is not a subclass of StepUp with all its"),
    (
        "E024",
        set_ciba("STEP_UP", "django_ciba.authentication_device.step_up.StepUp"),
        "is not a subclass of StepUp with all its methods",
    ),
    ("E025", set_ciba("PASSKEY_RP_ID", "example.org"), "'example.org' is neither that of"),
    ("E025", set_ciba("PASSKEY_RP_ID", "p.example.com"), "neither that of"),
    ("E025", set_ciba("PASSKEY_ORIGINS", ["https://op.example.com/"]), "is no origin"),
    ("E025", set_ciba("PASSKEY_ORIGINS", ["http://op.example.com"]), "on https only"),
    ("E026", passkeys_without_library, "sets PASSKEY_RP_NAME, but the library webauthn is not"),
    ("E027", without_device_api, "DJANGO_CIBA['DEVICE_API_AMR'] is set, but no URLconf includes"),
    ("W090", set_ciba("DEVICE_API_AMR", ["hwk"]), "names no way to verify a user"),
    ("W091", set_ciba("DEVICE_API_URL", "http://op.example.com/ciba/api"), "begin with https://"),
    ("W092", set_ciba("DEVICE_API_AMR", ["pin", "thumb"]), "IANA's registry: thumb."),
    ("W095", install("allauth.mfa"), "allauth.mfa is installed, and DJANGO_CIBA['STEP_UP'] is"),
    ("W095", install("django_otp"), "django_otp is installed, and DJANGO_CIBA['STEP_UP'] is"),
    ("W083", journey_with_passkeys, "Journey 'By passkey' of realm"),
    ("E010", mount(DEVICE), "does not include django_ciba.urls"),
    ("E011", set_certificates(TRUSTED_PROXIES=[]), "'TRUSTED_PROXIES' names no proxy"),
    ("E011", set_certificates(CLIENT_CERTIFICATE_VERIFIED_HEADER="client-cert"), "the same header"),
    (
        "E011",
        set_certificates(CLIENT_CERTIFICATE_HEADER=None),
        "DJANGO_CIBA['CLIENT_CERTIFICATE_VERIFIED_HEADER'] is set without",
    ),
    ("E011", set_ciba("MTLS_ENDPOINTS", "https://mtls.example.com/oauth2"), "is set without"),
    (
        "W001",
        mount(path("oidc/", include("django_ciba.urls")), DEVICE),
        "has the path '/oauth2', but that URLconf is included at '/oidc/'",
    ),
    (
        "W001",
        mount(*i18n_patterns(PROVIDER), DEVICE),
        "but that URLconf is included at '/en/oauth2/'",
    ),
    ("W002", mount(PROVIDER), "does not include django_ciba.authentication_device.urls"),
    (
        "W003",
        mount(PROVIDER, path("approve/", include("django_ciba.authentication_device.urls"))),
        "DEVICE_URL's default has the path '/ciba', but that URLconf is included at '/approve/'",
    ),
    ("W003", set_ciba("DEVICE_URL", "https://op.example.com/inbox/"), "DJANGO_CIBA['DEVICE_URL']"),
    ("W004", set_login("/enter/"), "LOGIN_URL '/enter/' is no path that the site's URLconf"),
    ("W004", set_login("enter"), "Reverse for 'enter' not found"),
    ("W004", set_login("accounts/login/"), "LOGIN_URL 'accounts/login/' is no path"),
    ("W004", set_login(reverse_lazy("enter")), "Reverse for 'enter' not found"),
    ("W004", set_login(""), "is neither an address nor the name of a URL pattern"),
    ("W004", set_login(None), "is neither an address nor the name of a URL pattern"),
    ("W011", set_ciba("ISSUER", "http://op.example.com/oauth2"), "does not begin with https://"),
    ("W012", set_ciba("OUTBOUND_ALLOW_LOOPBACK", True), "call services on its own machine"),
    ("W013", set_ciba("ACCEPT_EXPIRED_ID_TOKEN_HINT", True), "an old, stolen ID token"),
    ("W016", set_ciba("PROMPT_CHANNELS", ["console"]), "standard output"),
    ("W017", set_ciba("REGISTRATION", "open"), "whoever finds this server can register a client"),
    ("W018", set_ciba("PUSH_DELIVERY", True), "tokens are sent to whoever answers"),
    ("W020", set_certificates(TRUSTED_PROXIES=["0.0.0.0/0"]), "holds 0.0.0.0/0, and with it"),
    ("W020", set_certificates(TRUSTED_PROXIES=["10.0.0.7", "::/0"]), "holds ::/0, and with it"),
    ("W020", set_certificates(TRUSTED_PROXIES=["128.0.0.0/1"]), "holds 128.0.0.0/1, and"),
    ("W019", folding_django, "takes a header client_cert for Client-Cert"),
    pytest.param("W021", sqlite_by_default, "database is locked", marks=SQLITE),
    ("W023", local_memory, "every worker process has a cache of its own"),
    ("W031", set_celery(task_always_eager=True), "inside the web request"),
    ("W032", set_celery(broker_url=None), "no broker_url"),
    ("W032", set_celery(broker_url="memory://"), "no worker in another process can reach"),
    ("W033", set_celery(broker_transport_options={}), "socket_timeout and socket_connect_timeout"),
    (
        "W033",
        set_celery(broker_transport_options={"socket_timeout": 2}),
        "Redis without socket_connect_timeout",
    ),
    (
        "W033",
        set_celery(
            broker_url=["sentinel://a.example.com;sentinel://b.example.com"],
            broker_transport_options={"socket_connect_timeout": 2},
        ),
        "Redis without socket_timeout",
    ),
    (
        "W035",
        set_celery(broker_url="amqp://broker.example.com", beat_schedule={"cleanup": CLEANUP}),
        "timers of journeys never fire",
    ),
    ("I036", set_celery(beat_schedule={"due": RUN_DUE}), "ended requests are kept for ever"),
    ("W042", no_realm, "There is no root realm"),
    ("W043", no_keys, "Realm / has no current signing key for PS256."),
    ("E044", lost_secret, "of realm / cannot be decrypted"),
    ("E045", set_realm(polling_interval=0), "Realm /: settings polling_interval must be"),
    (
        "E045",
        set_realm(key_rotation=3600),
        "Realm /: key_rotation (3600) is less than key_published_before (86400)",
    ),
    ("E045", set_realm(xyzzy=0), "Realm /: settings xyzzy is not a setting of a realm."),
    (
        "W049",
        rotation_without_beat,
        "Realm / has KEY_ROTATION, and Celery beat does not run django_ciba.rotate_keys",
    ),
    ("W046", set_realm(accept_expired_id_token_hint=True), "Realm / accepts expired ID tokens"),
    ("W053", set_realm(registration="open"), "Realm / is open to clients"),
    (
        "W088",
        set_ciba("OPEN_PROMPTS_PER_USER", 21),
        "['OPEN_PROMPTS_PER_USER'] is 21: more than 20 protects nobody.",
    ),
    (
        "W088",
        set_ciba("OPEN_PROMPTS_PER_CLIENT", 21),
        "['OPEN_PROMPTS_PER_CLIENT'] is 21: more than 20 protects nobody.",
    ),
    (
        "W088",
        set_ciba("DENIALS_BEFORE_COOL_DOWN", 11),
        "['DENIALS_BEFORE_COOL_DOWN'] is 11: more than 10 protects nobody.",
    ),
    (
        "W088",
        set_ciba("PROMPTS_PER_USER", 101),
        "be asked 101 times in 600 seconds: more than 10 a minute protects nobody.",
    ),
    (
        "W089",
        set_realm(denials_before_cool_down=11),
        "Realm /: denials_before_cool_down is 11: more than 10 protects nobody.",
    ),
    (
        "W089",
        set_realm(prompt_window=60),
        "Realm /: prompts_per_user lets one user be asked 20 times in 60 seconds",
    ),
    ("W050", set_realm(push_delivery=True), "Realm / pushes tokens"),
    ("W047", no_default_journey, "Realm / has clients and no default journey"),
    (
        "E051",
        details_type_with(schema={"type": "strin"}),
        "Realm /: authorization details type payment_initiation: schema.type: must be one of",
    ),
    ("E051", details_type_with(template="{% load x %}"), "template: line 1: Invalid block tag"),
    ("E051", details_type_without_library, "install django-ciba[rar]"),
    ("W054", client_of_before, "Client shop is not of profile fapi-ciba, and realm / takes no"),
    ("W093", two_steps_for_hidden_users, "Client shop of realm / has two_step_user_code and hide_"),
    ("W094", two_steps_without_phone_numbers, "Client shop of realm / may name its user by msisdn"),
    ("E052", pairwise_without_salt, "Client shop of realm / is pairwise, and PAIRWISE_SALT is"),
    ("E048", issuer_of("javascript:alert(1)"), "Realm /: issuer_override 'javascript:alert(1)'"),
    ("E048", issuer_of("https://op.example.com/"), "must not end with a slash."),
    (
        "E048",
        issuer_of_another,
        "Realm /branch: issuer_override 'https://op.example.com/oauth2' is",
    ),
]


@pytest.mark.parametrize(("number", "careless", "part"), CARELESS)
def test_a_careless_site_hears_of_this_and_of_nothing_else(
    site: Site, number: str, careless: Callable[[Site], None], part: str
) -> None:
    careless(site)
    assert heard() == {number}
    assert any(part in each for each in messages()), messages()


def test_whoever_takes_client_certificates_is_told_what_the_proxy_must_clear(site: Site) -> None:
    take_certificates(site)
    assert heard() == {"I018"}
    (message,) = messages()
    for name in ("Client-Cert", "Client_Cert", "Client-Cert-Verified", "Client_Cert_Verified"):
        assert re.search(rf"\b{name}\b", message)
    set_certificates()(site)
    assert heard() == set()


@pytest.mark.parametrize(
    ("app", "kind"), [("allauth.mfa", "AllauthStepUp"), ("django_otp", "OtpStepUp")]
)
def test_whoever_has_said_who_knows_the_second_factor_hears_nothing(
    site: Site, app: str, kind: str
) -> None:
    install(app)(site)
    site.put("STEP_UP", f"django_ciba.authentication_device.step_up.{kind}")
    assert heard() == set()


def test_signing_keys_under_the_secret_key_are_spoken_of(site: Site) -> None:
    site.put("ENCRYPTION_KEYS", [])
    assert "W014" in heard()
    assert "SECRET_KEY" in " ".join(messages())


def test_a_short_encryption_secret_is_spoken_of_and_never_quoted(site: Site) -> None:
    site.put("ENCRYPTION_KEYS", [*site.ciba["ENCRYPTION_KEYS"], "hunter2", "0" * 64])
    found = messages()
    assert [re.search(r"\[(\d)\]", each).group(1) for each in found] == ["1", "2"]  # type: ignore[union-attr]
    assert heard() == {"W015"}
    assert not any("hunter2" in each for each in found)


def test_a_setting_that_is_no_dict_is_said_and_stops_no_check(site: Site) -> None:
    values: tuple[Any, ...] = (None, [], "ISSUER")
    for wrong in values:
        site.settings.DJANGO_CIBA = wrong
        said = [each.msg for each in hear(database=False) if each.id == "django_ciba.E002"]
        assert said == ["DJANGO_CIBA must be a dict."]


@pytest.mark.parametrize("setting", list(CibaSettings.declared()), ids=lambda each: each.name)
def test_no_wrong_value_stops_a_check(site: Site, setting: Setting[Any]) -> None:
    """Whatever is in the settings, the site hears of it in words and not as a traceback."""
    wrong: list[Any] = [value for value in WRONG_VALUES if setting.problem(value) is not None]
    assert wrong
    for value in wrong:
        site.put(setting.name, value)
        assert heard() & {"E001", "E003"}, value


@pytest.mark.parametrize("wrong", [[], 7, {"signing_algs": 7}, {"scopes": [None]}], ids=str)
def test_no_stored_realm_stops_a_check(site: Site, wrong: Any) -> None:
    Realm.objects.create(name="branch", parent=Realm.objects.get())
    Realm.objects.filter(name="branch").update(settings=wrong)
    assert "E045" in heard()


def test_a_module_that_raises_is_said(site: Site, tmp_path: Path) -> None:
    (tmp_path / "broken_hooks.py").write_text("raise RuntimeError('half done')")
    site.monkeypatch.syspath_prepend(tmp_path)
    site.put("HOOKS", "broken_hooks.Hooks")
    (message,) = messages()
    assert "raised RuntimeError while it was imported: half done" in message


def test_a_prefix_that_a_proxy_puts_before_ours_is_no_fault(site: Site) -> None:
    site.put("ISSUER", "https://example.com/apps/op/oauth2")
    site.put("DEVICE_URL", "https://example.com/apps/op/ciba/")
    assert heard() == set()


def test_urls_are_found_wherever_they_are_included(site: Site) -> None:
    nested = [path("oauth2/", include("django_ciba.urls"))]
    site.mount(path("login/", include(nested)), re_path(r"^ciba/", include(DEVICE.url_patterns)))
    site.put("ISSUER", "https://op.example.com/login/oauth2")
    assert heard() == {"W002"}, "patterns by themselves are not our URLconf"
    site.mount(path("login/", include(nested)), DEVICE)
    assert heard() == set()


def test_settings_without_a_urlconf_hear_nothing_of_urls(site: Site) -> None:
    """A worker's settings may go without."""
    del site.settings.ROOT_URLCONF
    assert heard() == set()


@pytest.mark.parametrize(
    "address",
    [
        "/accounts/login/",
        "/accounts/login/?from=prompt",
        "/accounts/login",
        "/apps/op/accounts/login/",
        "login",
        "admin:login",
        reverse_lazy("login"),
        "https://id.example.com/enter",
        "//id.example.com/enter",
        "/",
    ],
)
def test_a_login_page_is_found_where_it_is(site: Site, address: Any) -> None:
    site.settings.LOGIN_URL = address
    assert heard() == set()


def test_a_login_page_below_a_language_is_found(site: Site) -> None:
    site.mount(PROVIDER, DEVICE, *i18n_patterns(path("enter/", LoginView.as_view())))
    site.settings.LOGIN_URL = "/enter/"
    assert heard() == set()


def test_the_front_page_is_no_login_page_of_another_path(site: Site) -> None:
    site.settings.LOGIN_URL = "/no/such/page/"
    assert heard() == {"W004"}


def test_a_site_without_our_device_may_have_no_login_page(site: Site) -> None:
    site.mount(PROVIDER)
    site.settings.LOGIN_URL = "/enter/"
    assert heard() == {"W002"}


# --- what is stored -------------------------------------------------------------------------------


def test_a_realm_that_answers_nobody_by_default_needs_no_default_journey(site: Site) -> None:
    no_default_journey(site)
    set_realm(require_mapped_acr=True)(site)
    assert heard() == set()
    set_realm()(site)
    site.put("REQUIRE_MAPPED_ACR", True)
    assert heard() == set()
    site.put("REQUIRE_MAPPED_ACR", False)
    assert heard() == {"W047"}
    Client.objects.update(enabled=False)
    assert heard() == set()
    Client.objects.update(enabled=True)
    Realm.objects.update(enabled=False)
    assert heard() == set()


# --- Celery ---------------------------------------------------------------------------------------


def test_a_killed_workers_tasks_matter_only_where_nothing_sweeps(site: Site) -> None:
    site.celery.conf.beat_schedule = {"cleanup": CLEANUP}
    assert heard() == {"W034", "W035"}
    assert any("after 3600 s" in each and "1800 s" in each for each in messages())
    options = {"socket_timeout": 2, "socket_connect_timeout": 2, "visibility_timeout": 1800}
    site.celery.conf.broker_transport_options = options
    assert heard() == {"W035"}
    site.celery.conf.broker_transport_options = {**options, "visibility_timeout": 1801}
    assert heard() == {"W034", "W035"}


def test_a_site_without_celery_hears_nothing_of_celery(site: Site) -> None:
    site.celery.conf.update(broker_url="memory://", task_always_eager=True, beat_schedule={})
    site.put("TASK_RUNNER", "none")
    assert heard() == set()


def test_a_schedule_that_is_kept_elsewhere_is_not_looked_for(site: Site) -> None:
    site.celery.conf.update(
        beat_schedule={}, beat_scheduler="django_celery_beat.schedulers:DatabaseScheduler"
    )
    assert heard() == set()


def test_entries_that_are_added_when_the_app_is_ready_count(site: Site) -> None:
    with Celery("late", broker="amqp://broker.example.com") as late:

        @late.on_after_finalize.connect
        def add(sender: Celery, **kwargs: Any) -> None:
            for name in ("run_due", "cleanup"):
                task = sender.signature(f"django_ciba.{name}")
                sender.add_periodic_task(5.0, task, name=name)

        assert heard() == set()


def test_celery_settings_that_cannot_be_read_are_said(site: Site) -> None:
    with Celery("broken") as broken:
        broken.config_from_object("no.such.celeryconfig")
        assert heard() == {"W032"}
        assert messages() == ["Celery's configuration cannot be read: No module named 'no'"]


def test_the_broker_of_the_environment_counts(site: Site) -> None:
    site.celery.conf.update(broker_url=None)
    site.monkeypatch.setenv("CELERY_BROKER_URL", "amqp://broker.example.com")
    assert heard() == set()


# --- the table, and Django ------------------------------------------------------------------------


def test_every_check_is_heard_of_in_these_tests() -> None:
    numbers = {str(getattr(each, "values", each)[0]) for each in CARELESS}
    elsewhere = {"W014", "W015", "I018", "I022", "W034", "W041"}
    elsewhere |= {"E020", "E021", "E022", "E023", "W075"}  # test_channel_checks
    elsewhere |= {"W080", "W081"}  # test_device_checks
    assert numbers | elsewhere == {each.id.removeprefix("django_ciba.") for each in CHECKS}


def test_no_two_checks_share_an_id_or_a_title() -> None:
    assert len({each.id for each in CHECKS}) == len(CHECKS)
    assert len({each.title for each in CHECKS}) == len(CHECKS)
    assert len({each.find for each in CHECKS}) == len(CHECKS)


def test_every_check_can_be_documented() -> None:
    for each in CHECKS:
        assert re.fullmatch(r"django_ciba\.[EWI]\d{3}", each.id)
        assert each.title
        assert not each.title.endswith(".")
        assert each.hint.endswith("."), each.id
        # What to change is named: a setting, or the place of one.
        assert re.search(r"[A-Z_]{5,}|Celery's|realm's settings|manage\.py", each.hint), each.id


@pytest.mark.parametrize("check", CHECKS, ids=lambda each: each.id)
def test_each_check_is_registered_and_deploy_ones_for_deployment_only(check: Any) -> None:
    assert (check in registry.get_checks()) == (not check.deploy)
    assert check in registry.get_checks(include_deployment_checks=True)
    assert "django_ciba" in check.tags
    assert (checks.Tags.database in check.tags) == check.database


def test_what_is_for_production_is_not_heard_without_deploy(site: Site) -> None:
    site.put("ISSUER", "http://op.example.com/oauth2")
    site.put("OUTBOUND_ALLOW_LOOPBACK", True)
    no_realm(site)
    assert heard(deploy=False) == set()


def test_what_stops_the_first_flow_is_heard_without_deploy(site: Site) -> None:
    """A developer meets it before any deployment."""
    site.celery.conf.update(broker_url=None)
    site.settings.LOGIN_URL = "/enter/"
    expected = {"W004", "W032"}
    if connection.vendor == "sqlite":
        sqlite_by_default(site)
        expected |= {"W021"}
    assert heard(deploy=False, database=False) == expected
    (hint,) = [each.hint for each in hear(deploy=False) if each.id == "django_ciba.W032"]
    assert '"TASK_RUNNER": "none"' in str(hint)
    assert "manage.py ciba_run_due --loop" in str(hint)


def test_the_database_is_asked_only_when_django_names_it(site: Site) -> None:
    no_realm(site)
    with CaptureQueriesContext(connection) as queries:
        assert heard(database=False) == set()
    assert len(queries) == 0
    assert heard(database=True) == {"W042"}


def test_each_level_is_what_its_letter_says(site: Site) -> None:
    site.put("ISSUER", None)
    site.settings.CACHES = LOCAL_MEMORY
    site.celery.conf.beat_schedule = {"due": RUN_DUE}
    levels = {str(each.id).removeprefix("django_ciba.")[0]: each.level for each in hear()}
    assert levels == {"E": checks.ERROR, "W": checks.WARNING, "I": checks.INFO}


def test_every_message_carries_the_hint_of_its_check(site: Site) -> None:
    site.put("ISSUER", None)
    hints = {each.id: each.hint for each in CHECKS}
    found = hear()
    assert found
    assert all(each.hint == hints[str(each.id)] for each in found)


def manage(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`manage.py` of the test site in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "CIBA_VAR": str(folder),
            "DJANGO_SETTINGS_MODULE": "testproject.settings",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def ids(text: str) -> set[str]:
    return set(re.findall(r"django_ciba\.([EWI]\d{3})", text))


@pytest.mark.slow
@pytest.mark.only_on("sqlite")
def test_manage_py_check_deploy_prints_what_is_open(tmp_path: Path) -> None:
    arguments = ("check", "--deploy", "--database", "default")
    answer = manage(
        tmp_path,
        *arguments,
        PUBLIC_URL="http://op.example.com",
        CIBA_ALLOW_LOOPBACK="1",
        CELERY_BROKER_URL="memory://",
        DATABASE_URL=f"sqlite:///{tmp_path}/empty.sqlite3",
    )
    assert {"W011", "W012", "W014", "I022", "W023", "W032", "W041"} <= ids(answer.stderr)
    assert "no such table" in answer.stderr
    assert 'HINT: Without Celery: add "TASK_RUNNER": "none" to DJANGO_CIBA' in answer.stderr
    assert answer.returncode == 0, "warnings stop nobody"


@pytest.mark.slow
@pytest.mark.only_on("sqlite")
def test_a_dead_database_is_said_and_stops_no_check(tmp_path: Path) -> None:
    answer = manage(
        tmp_path,
        "check",
        "--deploy",
        "--database",
        "default",
        "--tag",
        "django_ciba",
        DATABASE_URL="postgresql://nobody@127.0.0.1:9/none?connect_timeout=2",
    )
    assert ids(answer.stderr) & ASK_THE_DATABASE == {"W041"}
    assert "Traceback" not in answer.stderr
    assert answer.returncode == 0
