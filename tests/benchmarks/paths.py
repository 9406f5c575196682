"""The measured paths, and what must be in the database before they are."""

import secrets as random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from itertools import cycle, islice
from urllib.parse import urlencode

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test import Client as HttpClient
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_ciba.jose import verify
from django_ciba.models import AuthenticationRequest, Client, Grant, Token, secrets
from tests.asked_often import ASKED_OFTEN
from tests.provider import key, make_client, make_realm, make_user
from tests.relying_party import ASSERTION_TYPE, CIBA, FORM, RelyingParty, basic

Lines = Iterator[tuple[str, str]]
SECRET = "a-secret-for-the-benchmark-0123456789abcdef"
USERS = [f"user-{number}" for number in range(5000)]
CONTROL = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")


@dataclass(frozen=True)
class HotPath:
    """One measured path: where, and what is sent: so many pairs of Authorization and body."""

    name: str
    address: str
    lines: Callable[[int], Iterator[tuple[str, str]]]


def set_up() -> None:
    """Tables, a realm, users, one client by secret and one by assertion.

    Requests are counted for each user. Of one user they would be thousands, which no site's limits
    let happen, so there are as many users as share the load.
    """
    call_command("migrate", verbosity=0)
    realm = make_realm(**ASKED_OFTEN)
    make_user("alice")
    users = get_user_model()._default_manager
    users.bulk_create(users.model(username=name) for name in USERS)
    for client_id, method in (("secret", "client_secret_basic"), ("signed", "private_key_jwt")):
        client, _ = make_client(realm, client_id=client_id, token_endpoint_auth_method=method)
        client.set_secret(SECRET)
        client.save()


@lru_cache
def relying_party(client_id: str) -> RelyingParty:
    client = Client.objects.select_related("realm").get(client_id=client_id)
    return RelyingParty(
        http=HttpClient(SERVER_NAME="localhost"),
        client=client,
        issuer=client.realm.issuer,
        mount="/oauth2/",
        key=key("ES256", "client"),
        secret=SECRET,
    )


def _line(client_id: str, parameters: dict[str, str]) -> tuple[str, str]:
    rp = relying_party(client_id)
    if client_id == "secret":
        return basic(client_id, SECRET), urlencode(parameters)
    assertion = {
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": rp.assertion(exp=int(time.time()) + 600),
    }
    return "", urlencode({**assertion, **parameters})


def _requests(client_id: str, status: str, amount: int) -> list[str]:
    """So many stored requests in that state; their auth_req_ids."""
    rp = relying_party(client_id)
    template = AuthenticationRequest.objects.get(
        auth_req_id_digest=secrets.digest(rp.auth_req_id())
    )
    now = timezone.now()
    names = [random.token_urlsafe(32) for _ in range(amount)]
    rows = []
    for name in names:
        row = AuthenticationRequest.objects.model(
            **{
                field.attname: getattr(template, field.attname)
                for field in template._meta.concrete_fields
                if field.name not in ("id", "public_id")
            }
        )
        row.auth_req_id_digest = secrets.digest(name)
        row.status = status
        row.expires_at = now + timedelta(hours=1)
        if status == "authorized":
            row.answer, row.answered_at, row.authenticated_at = "approved", now, now
        rows.append(row)
    AuthenticationRequest.objects.bulk_create(rows, batch_size=1000)
    return names


def _start(client_id: str, amount: int) -> Lines:
    rp = relying_party(client_id)
    for _, user in zip(range(amount), cycle(USERS), strict=False):
        asked = rp.signed_request(login_hint=user, exp=rp.now() + 600)
        yield _line(client_id, {"request": asked})


def _poll(client_id: str, amount: int, *, status: str = "pending") -> Lines:
    # A pending request may be polled again: slow_down costs what authorization_pending does.
    many = amount if status == "authorized" or client_id == "signed" else 2000
    for name in _requests(client_id, status, many):
        yield _line(client_id, {"grant_type": CIBA, "auth_req_id": name})


def _userinfo(amount: int) -> Lines:
    now = timezone.now()
    user = AuthenticationRequest.objects.values_list("user_id", flat=True)[0]
    grant = Grant.objects.create(
        client=relying_party("secret").client,
        user_id=user,
        subject="1",
        scope="openid profile",
        authenticated_at=now,
        created_at=now,
    )
    values = [random.token_urlsafe(32) for _ in range(500)]
    Token.objects.bulk_create(
        Token(
            grant=grant,
            kind="access",
            digest=secrets.digest(value),
            scope="openid profile",
            created_at=now,
            expires_at=now + timedelta(hours=1),
        )
        for value in values
    )
    yield from ((f"Bearer {value}", "") for value in values)


def _nothing(amount: int) -> Lines:
    yield "", ""


PATHS = (
    HotPath("floor: an empty DRF view", "/floor/empty", _nothing),
    HotPath("floor: SELECT 1", "/floor/select-one", _nothing),
    HotPath("discovery", "/oauth2/.well-known/openid-configuration", _nothing),
    HotPath("bc-authorize, private_key_jwt", "/oauth2/bc-authorize", lambda n: _start("signed", n)),
    HotPath("bc-authorize, client_secret", "/oauth2/bc-authorize", lambda n: _start("secret", n)),
    HotPath("poll pending, private_key_jwt", "/oauth2/access_token", lambda n: _poll("signed", n)),
    HotPath("poll pending, client_secret", "/oauth2/access_token", lambda n: _poll("secret", n)),
    HotPath(
        "tokens, client_secret, ES256 ID token",
        "/oauth2/access_token",
        lambda n: _poll("secret", n, status="authorized"),
    ),
    HotPath("userinfo", "/oauth2/userinfo", _userinfo),
)

# Requests a second that no path will exceed here: what is used once must not run out.
FASTEST = 1500


def amount(seconds: int) -> int:
    """How many requests to prepare for one round."""
    return FASTEST * seconds


def statements(path: HotPath) -> int:
    """What one request of that path asks the database when the process is warm."""
    http = HttpClient(SERVER_NAME="localhost")
    counts = []
    for header, body in islice(path.lines(2), 2):
        headers = {"Authorization": header} if header else {}
        http.get("/oauth2/.well-known/openid-configuration")
        with CaptureQueriesContext(connection) as captured:
            if body:
                http.post(path.address, data=body.encode(), content_type=FORM, headers=headers)
            else:
                http.get(path.address, headers=headers)
        counts.append(sum(not each["sql"].startswith(CONTROL) for each in captured))
    return counts[-1]


def verify_seconds() -> float:
    """Seconds that one verification of an ES256 signature takes in this process."""
    rp = relying_party("secret")
    token = rp.signed_request()
    keys = (rp.key.verification_key,)
    started = time.perf_counter()
    for _ in range(2000):
        verify(token, keys, algs=("ES256",))
    return (time.perf_counter() - started) / 2000
