"""ciba_import and ciba_export."""

import json
from pathlib import Path

import pytest

from django_ciba.models import Client, Realm
from tests import provider
from tests.unit.commands.conftest import DOCUMENT, Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "realm.json"
    path.write_text(json.dumps(DOCUMENT))
    return path


def test_a_file_is_imported_and_each_change_is_a_line(run: Run, file: Path) -> None:
    ran = run("ciba_import", str(file))
    assert ran.out == [
        "/: realm: created",
        '/: setting signing_algs: unset -> ["ES256"]',
        "/: signing key ES256: created",
        "/: next signing key ES256: created",
        "/: journey push: created",
        '/: default journey: unset -> "push"',
        "/: client shop: created",
    ]
    assert (ran.err, ran.error) == ([], "")
    assert Client.objects.get().client_id == "shop"
    assert run("ciba_import", str(file)).out == ["no changes"]


def test_a_dry_run_prints_the_same_and_changes_nothing(run: Run, file: Path) -> None:
    dry = run("ciba_import", str(file), "--dry-run")
    assert dry.out[-1] == "dry run: nothing was changed"
    assert not Realm.objects.exists()
    assert run("ciba_import", str(file)).out == dry.out[:-1]
    assert run("ciba_import", str(file), "--dry-run").out == ["no changes"]


def test_a_document_can_come_from_standard_input(run: Run) -> None:
    ran = run("ciba_import", "-", stdin=json.dumps(DOCUMENT).encode())
    assert "/: client shop: created" in ran.out


def test_every_fault_is_printed_and_nothing_is_imported(run: Run, file: Path) -> None:
    bad = {
        "client_id": "bad",
        "client_secret": "short",
        "grant_types": ["password"],
        "require_signed_request_object": False,
    }
    given = {**DOCUMENT, "clients": [*DOCUMENT["clients"], bad], "setings": {}}
    file.write_text(json.dumps(given))
    ran = run("ciba_import", str(file))
    assert ran.out == []
    assert ran.err == [
        "setings: is not known in a realm document; did you mean settings?",
        "clients[1].client_secret: must be 32 to 200 characters long",
        "clients[1].grant_types[0]: must be urn:openid:params:grant-type:ciba or refresh_token",
    ]
    assert ran.error == "3 faults: nothing was imported"
    assert not Realm.objects.exists()


def test_a_file_that_is_no_json_is_refused_with_the_line(run: Run, file: Path) -> None:
    file.write_text('{"realm": "/"\n"settings": {}}')
    ran = run("ciba_import", str(file))
    assert ran.err == ["is not JSON: line 2, column 1: Expecting ',' delimiter"]
    assert ran.error == "1 fault: nothing was imported"


@pytest.mark.parametrize(
    "content",
    [b"\xff", b"[" * 100_000, b"[9" + b"9" * 5000 + b"]", b'{"realm": "\\ud800"}', b'"\\u0000"'],
    ids=["not UTF-8", "deep", "huge number", "surrogate", "NUL"],
)
def test_hostile_files_are_faults_and_never_tracebacks(
    run: Run, file: Path, content: bytes
) -> None:
    file.write_bytes(content)
    ran = run("ciba_import", str(file))
    assert ran.err
    assert ran.error.endswith("nothing was imported")


def test_a_list_without_a_document_is_a_fault(run: Run, file: Path) -> None:
    file.write_text("[]")
    ran = run("ciba_import", str(file))
    assert ran.err == ["holds no realm document"]
    assert ran.error == "1 fault: nothing was imported"


@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)], ids=["import", "dry run"])
def test_a_secret_that_ends_with_its_method_is_warned_of(
    run: Run, root: Realm, dry_run: tuple[str, ...]
) -> None:
    client = {"client_id": "shop", "token_endpoint_auth_method": "private_key_jwt"}
    jwks = {"keys": [provider.key("ES256", "shop").public_jwk]}
    document = {"realm": "/", "clients": [{**client, "jwks": jwks}]}
    ran = run("ciba_import", "-", *dry_run, stdin=json.dumps(document).encode())
    assert "/: client shop: client_secret removed" in ran.out
    (warning,) = ran.err
    assert warning == (
        "warning: /: client shop: the old secret stops working: token_endpoint_auth_method is "
        "private_key_jwt now, which uses none"
    )
    assert ran.error == ""


def test_a_secret_that_changes_with_its_method_is_warned_of(run: Run, root: Realm) -> None:
    client = {"client_id": "shop", "token_endpoint_auth_method": "client_secret_post"}
    document = {"realm": "/", "clients": [{**client, "client_secret": "t" * 43}]}
    ran = run("ciba_import", "-", stdin=json.dumps(document).encode())
    (warning,) = ran.err
    assert warning == (
        "warning: /: client shop: the old secret stops working: token_endpoint_auth_method is "
        "client_secret_post now, with the secret given here"
    )


def test_a_secret_that_stays_or_is_changed_on_purpose_warns_of_nothing(
    run: Run, root: Realm
) -> None:
    for change in (
        {"token_endpoint_auth_method": "client_secret_post"},
        {"client_secret": "u" * 43},
    ):
        document = {"realm": "/", "clients": [{"client_id": "shop", **change}]}
        ran = run("ciba_import", "-", stdin=json.dumps(document).encode())
        assert ran.out
        assert ran.err == []


def test_a_file_that_cannot_be_read_is_named(run: Run, tmp_path: Path) -> None:
    missing = tmp_path / "missing.json"
    assert run("ciba_import", str(missing)).error == (
        f"{missing} cannot be read: No such file or directory"
    )
    assert run("ciba_import", str(tmp_path)).error == f"{tmp_path} cannot be read: Is a directory"


def test_a_realm_is_exported_and_imports_as_no_change(run: Run, root: Realm) -> None:
    ran = run("ciba_export", "/")
    document = json.loads("\n".join(ran.out))
    assert document["realm"] == "/"
    assert document["clients"][0]["client_id"] == "shop"
    assert "client_secret" not in document["clients"][0]
    assert run("ciba_import", "-", stdin="\n".join(ran.out).encode()).out == ["no changes"]


def test_all_realms_are_exported_as_a_list_parents_first(run: Run, root: Realm) -> None:
    run("ciba_import", "-", stdin=b'[{"realm": "/b"}, {"realm": "/a/c"}]')
    text = "\n".join(run("ciba_export").out)
    assert [each["realm"] for each in json.loads(text)] == ["/", "/a", "/a/c", "/b"]
    assert run("ciba_import", "-", stdin=text.encode()).out == ["no changes"]


def test_an_export_is_readable_in_any_script(run: Run, root: Realm) -> None:
    Client.objects.update(client_name="მაღაზია")
    assert '      "client_name": "მაღაზია",' in run("ciba_export", "/").out


def test_a_realm_that_is_not_there_is_refused_with_those_that_are(run: Run, root: Realm) -> None:
    assert run("ciba_export", "/alpha").error == 'there is no realm "/alpha"; there is /'


def test_a_site_without_realms_is_told_how_to_make_one(run: Run) -> None:
    error = run("ciba_export", "/").error
    assert error.startswith('there is no realm "/", and no other one: make it with echo')
    document = error.partition("echo '")[2].partition("'")[0]
    run("ciba_import", "-", stdin=document.encode())
    assert Realm.objects.get().path == "/"
    assert run("ciba_export").error == ""
