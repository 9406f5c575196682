"""ciba_client."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from django_ciba.jose import PrivateKey
from django_ciba.models import Client, InitialAccessToken, Realm
from tests.unit.commands.conftest import Run

KEY = PrivateKey.generate("ES256").public_jwk


def printed(lines: list[str]) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in lines)


def test_create_prints_the_id_and_the_secret_once(run: Run, root: Realm) -> None:
    ran = run("ciba_client", "create", "--unsigned", "--name", "My Shop")
    values = printed(ran.out)
    assert set(values) == {"client_id", "client_secret"}
    assert ran.err == ["the secret is shown only now: only its digest is stored"]
    client = Client.objects.get(client_id=values["client_id"])
    assert client.has_secret(values["client_secret"])
    assert values["client_secret"] not in client.secret_digest
    assert (client.client_name, client.scope) == ("My Shop", "openid")
    assert client.require_signed_request_object is False


def test_create_with_everything_chosen(run: Run, root: Realm, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [KEY]}))
    run("ciba_import", "-", stdin=b'{"realm": "/alpha"}')
    ran = run(
        "ciba_client",
        "create",
        *("--realm", "/alpha"),
        *("--client-id", "robot"),
        *("--auth-method", "private_key_jwt"),
        *("--scope", "openid profile"),
        *("--jwks", str(file)),
    )
    assert (ran.out, ran.err) == (["client_id: robot"], [])
    client = Client.objects.get(client_id="robot")
    assert client.realm.path == "/alpha"
    assert client.secret_digest == ""
    assert client.jwks == {"keys": [KEY]}
    assert client.scope == "openid profile"
    assert client.require_signed_request_object is True


def test_create_makes_a_ping_client_and_one_of_fapi_ciba(run: Run, root: Realm) -> None:
    endpoint = "https://rp.example.com/ciba"
    ran = run("ciba_client", "create", "--unsigned", "--delivery-mode", "ping")
    assert ran.err == ["backchannel_client_notification_endpoint: is missing: ping sends there"]
    run(
        *("ciba_client", "create", "--client-id", "bank"),
        *("--auth-method", "private_key_jwt"),
        *("--jwks-uri", "https://rp.example.com/jwks.json"),
        *("--delivery-mode", "ping", "--notification-endpoint", endpoint),
        *("--profile", "fapi-ciba", "--bound-tokens", "dpop"),
    )
    client = Client.objects.get(client_id="bank")
    assert client.backchannel_token_delivery_mode == "ping"
    assert client.backchannel_client_notification_endpoint == endpoint
    assert client.is_fapi
    assert client.dpop_bound_access_tokens


def test_create_takes_a_jwks_uri_or_keys_from_standard_input(run: Run, root: Realm) -> None:
    address = "https://rp.example.com/jwks.json"
    run("ciba_client", "create", "--client-id", "one", "--jwks-uri", address)
    assert Client.objects.get(client_id="one").jwks_uri == address
    keys = json.dumps({"keys": [KEY]}).encode()
    run("ciba_client", "create", "--client-id", "two", "--jwks", "-", stdin=keys)
    assert Client.objects.get(client_id="two").inline_keys[0].kid == KEY["kid"]


def test_create_names_every_fault_and_creates_nothing(run: Run, root: Realm) -> None:
    ran = run("ciba_client", "create", "--client-id", "a b", "--scope", "profile")
    assert ran.out == []
    assert ran.err[:2] == [
        "client_id: must be: letters, digits, . _ ~ : / -",
        (
            "jwks: is missing: signed requests need jwks or jwks_uri; for a client that does not "
            "sign, set require_signed_request_object to false"
        ),
    ]
    assert ran.err[2:] == ["scope: must hold openid"]
    assert ran.error == "3 faults: no client was created (--jwks, --jwks-uri or --unsigned?)"
    assert Client.objects.count() == 1


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        (b"{", "jwks: is not JSON: line 1, column 2: Expecting property name"),
        (b'{"keys": [], "keys": []}', "jwks.keys: is written more than once"),
        (b'{"keys": [{"kty": "oct", "k": "AA"}]}', "jwks.keys[0]: a symmetric key is a secret"),
    ],
)
def test_create_refuses_bad_keys(run: Run, root: Realm, keys: bytes, fault: str) -> None:
    ran = run("ciba_client", "create", "--jwks", "-", stdin=keys)
    assert ran.err[0].startswith(fault)
    assert ran.error.startswith("1 fault: no client was created")
    assert Client.objects.count() == 1


def test_create_does_not_take_over_a_client(run: Run, root: Realm) -> None:
    ran = run("ciba_client", "create", "--client-id", "shop", "--unsigned")
    assert ran.out == []
    assert ran.error.startswith("there is a client shop in realm / already; ciba_client secret")
    assert Client.objects.get().has_secret("s" * 43)


@pytest.mark.django_db
def test_create_needs_a_realm(run: Run) -> None:
    assert run("ciba_client", "create", "--unsigned").error.startswith('there is no realm "/"')


def test_secret_replaces_the_secret(run: Run, root: Realm) -> None:
    ran = run("ciba_client", "secret", "shop")
    values = printed(ran.out)
    assert ran.err == ["the secret is shown only now: only its digest is stored"]
    client = Client.objects.get()
    assert client.has_secret(values["client_secret"])
    assert not client.has_secret("s" * 43)


def test_secret_finds_an_id_that_begins_with_a_dash(run: Run, root: Realm) -> None:
    Client.objects.update(client_id="-" + "a" * 42)
    assert "client_secret" in printed(run("ciba_client", "secret", "-" + "a" * 42).out)


def test_secret_of_an_unknown_client_is_refused_with_the_nearest(run: Run, root: Realm) -> None:
    ran = run("ciba_client", "secret", "shp")
    assert ran.error == 'client "shp" is not known in realm /; did you mean shop?'


def test_secret_is_refused_for_a_client_that_has_none(run: Run, root: Realm) -> None:
    Client.objects.update(token_endpoint_auth_method="private_key_jwt")
    ran = run("ciba_client", "secret", "shop")
    assert ran.error.startswith("shop authenticates by private_key_jwt and has no secret")
    assert ran.out == []


def test_list_shows_each_client_on_a_line(run: Run, root: Realm) -> None:
    run("ciba_import", "-", stdin=b'{"realm": "/alpha"}')
    run("ciba_client", "create", "--realm", "/alpha", "--client-id", "b", "--unsigned")
    Client.objects.filter(client_id="b").update(enabled=False, secret_digest="")
    assert run("ciba_client", "list").out == [
        '/  shop  "The Shop"  client_secret_basic  enabled',
        '/alpha  b  ""  client_secret_basic  DISABLED, WITHOUT SECRET',
    ]
    assert len(run("ciba_client", "list", "--realm", "/").out) == 1


def test_list_of_nothing_says_so(run: Run, root: Realm) -> None:
    Client.objects.all().delete()
    ran = run("ciba_client", "list")
    assert (ran.out, ran.err, ran.error) == ([], ["no clients"], "")


@pytest.mark.django_db
def test_an_action_must_be_named(run: Run) -> None:
    assert "create|secret|list|initial-token" in run("ciba_client").error
    assert "remove" in run("ciba_client", "remove").error


# --- initial-token --------------------------------------------------------------------------------


def test_initial_token_prints_a_token_once_that_is_good_for_one_client(
    run: Run, root: Realm
) -> None:
    root.settings = {"registration": "token"}
    root.save()
    ran = run("ciba_client", "initial-token", "The shop's developers")
    value = printed(ran.out)["initial_access_token"]
    assert ran.err == ["the token is shown only now: only its digest is stored"]
    row = InitialAccessToken.objects.get()
    assert (row.realm, row.name) == (root, "The shop's developers")
    assert (row.uses_left, row.expires_at) == (1, None)
    now = timezone.now()
    assert value not in row.digest
    assert InitialAccessToken.objects.spend(value, root, now)
    assert not InitialAccessToken.objects.spend(value, root, now)


def test_initial_token_takes_how_often_and_how_long_it_is_good(run: Run, root: Realm) -> None:
    ran = run("ciba_client", "initial-token", "partners", "--uses", "any", "--hours", "2")
    row = InitialAccessToken.objects.get()
    assert row.uses_left is None
    assert row.expires_at is not None
    assert timedelta(minutes=119) < row.expires_at - timezone.now() <= timedelta(hours=2)
    assert ran.err[1] == "realm / does not ask for it: its setting registration is off"


@pytest.mark.parametrize(
    "arguments",
    [
        ("n", "--uses", "0"),
        ("n", "--uses", "-1"),
        ("n", "--uses", "many"),
        ("n", "--uses", "9999999999"),
        ("n", "--hours", "0"),
        ("n", "--hours", "100001"),
        ("n", "--hours", "soon"),
        ("",),
        ("n" * 201,),
    ],
)
def test_initial_token_refuses_what_cannot_be(
    run: Run, root: Realm, arguments: tuple[str, ...]
) -> None:
    ran = run("ciba_client", "initial-token", *arguments)
    assert ran.error
    assert ran.out == []
    assert not InitialAccessToken.objects.exists()
