"""tls_client_auth and self_signed_tls_client_auth: a client known by its certificate (RFC 8705)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.test import Client as HttpClient

from django_ciba.client_keys import remote
from django_ciba.models import Realm, RemoteJwks
from tests.certificates import SUBJECT, Certified, as_rfc9440, authority, certified
from tests.conformance.conftest import ISSUER, RelyingParties
from tests.conformance.wire import accepted, at, refused
from tests.jwks_server import JwksServer
from tests.provider import key, make_realm
from tests.relying_party import CIBA, RelyingParty

CERTIFICATE, VERIFIED = "Client-Cert", "Client-Cert-Verified"
MTLS = "https://mtls.op.example.com/oauth2"
FIELDS = {
    "tls_client_auth_subject_dn": SUBJECT,
    "tls_client_auth_san_dns": "shop.example.com",
    "tls_client_auth_san_uri": "https://shop.example.com/rp",
    "tls_client_auth_san_ip": "192.0.2.7",
    "tls_client_auth_san_email": "ops@shop.example.com",
}


@pytest.fixture(autouse=True)
def proxy(settings: Any, site: None) -> None:
    settings.DJANGO_CIBA = {
        **settings.DJANGO_CIBA,
        "CLIENT_CERTIFICATE_HEADER": CERTIFICATE,
        "CLIENT_CERTIFICATE_VERIFIED_HEADER": VERIFIED,
        "TRUSTED_PROXIES": ["127.0.0.0/8"],
        "MTLS_ENDPOINTS": MTLS,
        "OUTBOUND_ALLOW_LOOPBACK": True,
    }


@pytest.fixture(scope="module")
def shop() -> Certified:
    """A certificate that bears a name of each kind, and others beside it."""
    return certified(
        issuer=authority(),
        dns=["www.example.com", "shop.example.com"],
        uri=["urn:example:shop", "https://shop.example.com/rp"],
        ip=["192.0.2.7", "2001:db8::7"],
        email=["ops@shop.example.com"],
    )


def headers(shown: Certified, verified: str = "SUCCESS") -> dict[str, str]:
    """What the proxy adds for this certificate."""
    return {CERTIFICATE: as_rfc9440(shown.der), VERIFIED: verified}


def send(rp: RelyingParty, shown: Certified, verified: str = "SUCCESS", **beside: str) -> Any:
    return rp.post(
        "bc-authorize",
        {"request": rp.signed_request(), **beside},
        headers=headers(shown, verified),
    )


def unproved(answer: Any, words: str) -> None:
    refused(answer, "invalid_client", words, status=401)
    assert "WWW-Authenticate" not in answer


# --- tls_client_auth ---------------------------------------------------------------------------


@pytest.fixture
def tls(relying_party: RelyingParties) -> Callable[..., RelyingParty]:
    def make(**fields: str) -> RelyingParty:
        return relying_party(token_endpoint_auth_method="tls_client_auth", **fields)

    return make


TlsClients = Callable[..., RelyingParty]


@pytest.mark.requirement("RFC 8705", "2.1")
@pytest.mark.parametrize("field", FIELDS)
def test_a_certificate_with_the_registered_name_proves_the_client_at_both_endpoints(
    tls: TlsClients, shop: Certified, field: str
) -> None:
    rp = tls(**{field: FIELDS[field]})
    auth_req_id = accepted(send(rp, shop))
    answer = rp.post(
        "access_token", {"grant_type": CIBA, "auth_req_id": auth_req_id}, headers=headers(shop)
    )
    assert answer.json()["error"] == "authorization_pending"


@pytest.mark.requirement("RFC 8705", "2.1.2")
@pytest.mark.parametrize("field", FIELDS)
def test_the_registered_name_has_to_be_there(tls: TlsClients, shop: Certified, field: str) -> None:
    """Not another, not a name of another kind with the same letters, and not part of one."""
    rp = tls(**{field: FIELDS[field]})
    words = f"the client certificate does not bear the registered {field}"
    as_cn = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, FIELDS[field])])
    for other in (
        certified("CN=stranger", issuer=authority()),
        certified("", issuer=authority()),
        certified(as_cn, issuer=authority()),
        certified(
            "CN=x",
            issuer=authority(),
            dns=["shop.example.com.evil.example", "*.example.com", "example.com", "192.0.2.7"],
            uri=["https://shop.example.com/rp/", "https://shop.example.com", "shop.example.com"],
            ip=["192.0.2.8", "::ffff:192.0.2.7"],
            email=["OPS@shop.example.com", "ops@example.com", "shop.example.com"],
        ),
    ):
        unproved(send(rp, other), words)
    accepted(send(rp, shop))


@pytest.mark.requirement("RFC 8705", "2.1.2")
@pytest.mark.requirement("RFC 4514", "2")
@pytest.mark.parametrize(
    ("registered", "same"),
    [
        (SUBJECT, True),
        ("2.5.4.3=shop.example.com,2.5.4.10=The Shop,2.5.4.6=GE", True),
        (r"CN=shop\2Eexample.com,O=The\20Shop,C=GE", True),
        ("O=The Shop,CN=shop.example.com,C=GE", False),
        ("C=GE,O=The Shop,CN=shop.example.com", False),
        ("CN=shop.example.com,O=The Shop", False),
        ("CN=shop.example.com+O=The Shop,C=GE", False),
        ("CN=SHOP.example.com,O=The Shop,C=GE", False),
        (f"{SUBJECT},DC=example", False),
    ],
)
def test_names_are_compared_by_what_they_mean(
    tls: TlsClients, shop: Certified, registered: str, same: bool
) -> None:
    rp = tls(tls_client_auth_subject_dn=registered)
    if same:
        accepted(send(rp, shop))
    else:
        unproved(send(rp, shop), "does not bear the registered tls_client_auth_subject_dn")


@pytest.mark.requirement("RFC 4514", "2.4")
def test_a_comma_in_a_value_is_no_separator(tls: TlsClients) -> None:
    rp = tls(tls_client_auth_subject_dn=r"CN=shop\,O=The Shop")
    unproved(send(rp, certified("CN=shop,O=The Shop", issuer=authority())), "does not bear")
    accepted(send(rp, certified(r"CN=shop\,O=The Shop", issuer=authority())))


@pytest.mark.requirement("RFC 8705", "2.1.2")
@pytest.mark.parametrize(
    ("field", "spelling"),
    [
        ("tls_client_auth_san_dns", "SHOP.Example.com"),
        ("tls_client_auth_san_ip", "2001:0DB8:0:0::7"),
        ("tls_client_auth_san_email", "ops@SHOP.example.com"),
    ],
)
def test_another_spelling_of_the_same_name_is_that_name(
    tls: TlsClients, shop: Certified, field: str, spelling: str
) -> None:
    accepted(send(tls(**{field: spelling}), shop))


@pytest.mark.requirement("RFC 8705", "2.1.2")
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"tls_client_auth_san_dns": "shop.example.com", "tls_client_auth_san_ip": "192.0.2.7"},
        FIELDS,
    ],
    ids=len,
)
def test_a_client_is_known_by_exactly_one_name(
    tls: TlsClients, shop: Certified, fields: dict[str, str]
) -> None:
    unproved(send(tls(**fields), shop), "must be registered with exactly one of tls_client_auth_")


@pytest.mark.requirement("RFC 8705", "2.1.2")
@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("tls_client_auth_subject_dn", "the shop", "is not a name as RFC 4514 writes it"),
        ("tls_client_auth_subject_dn", "CN=a, O=b", "is not a name as RFC 4514 writes it"),
        ("tls_client_auth_subject_dn", "C=GEO", "is not a name as RFC 4514 writes it"),
        ("tls_client_auth_san_ip", "192.0.2.7/32", "is no address"),
    ],
)
def test_a_registered_name_that_means_nothing_is_said(
    tls: TlsClients, shop: Certified, field: str, value: str, words: str
) -> None:
    unproved(send(tls(**{field: value}), shop), f"{field} {words}")


@pytest.mark.requirement("RFC 8705", "2.1")
@pytest.mark.parametrize(
    "said",
    ["", "NONE", "FAILED:self-signed certificate", "success", "SUCCESS,NONE", "FAILED,SUCCESS"],
)
def test_a_certificate_whose_chain_the_proxy_has_not_verified_proves_nothing(
    tls: TlsClients, said: str
) -> None:
    """Anybody can write any name into a certificate of their own."""
    rp = tls(tls_client_auth_subject_dn=SUBJECT)
    words = "not issued by an authority that this provider trusts"
    unproved(send(rp, certified(SUBJECT), said), words)


@pytest.mark.requirement("RFC 8705", "2.1")
def test_where_no_header_tells_of_the_chain_nobody_is_proved_by_a_name(
    tls: TlsClients, shop: Certified, settings: Any
) -> None:
    settings.DJANGO_CIBA = {**settings.DJANGO_CIBA, "CLIENT_CERTIFICATE_VERIFIED_HEADER": None}
    rp = tls(tls_client_auth_subject_dn=SUBJECT)
    unproved(send(rp, shop), "not issued by an authority that this provider trusts")


# --- self_signed_tls_client_auth ---------------------------------------------------------------


@pytest.fixture(scope="module")
def own() -> Certified:
    return certified("CN=anything")


Selves = Callable[..., RelyingParty]


@pytest.fixture
def registered(relying_party: RelyingParties) -> Selves:
    """A client with these JWKs, and one to sign its requests with."""

    def make(*jwks: dict[str, Any]) -> RelyingParty:
        return relying_party(
            token_endpoint_auth_method="self_signed_tls_client_auth",
            jwks={"keys": [*jwks, key("ES256", "client").public_jwk]},
        )

    return make


@pytest.mark.requirement("RFC 8705", "2.2")
@pytest.mark.parametrize("verified", ["SUCCESS", "FAILED:self-signed certificate", ""])
def test_a_registered_certificate_proves_the_client_whoever_issued_it(
    registered: Selves, own: Certified, verified: str
) -> None:
    rp = registered(own.jwk)
    auth_req_id = accepted(send(rp, own, verified))
    answer = rp.poll(auth_req_id, headers=headers(own, verified))
    assert answer.json()["error"] == "authorization_pending"


@pytest.mark.requirement("RFC 8705", "2.2")
def test_a_new_certificate_of_a_registered_key_proves_the_client(
    registered: Selves, own: Certified
) -> None:
    accepted(send(registered(own.jwk), certified("CN=renewed", key=own.key)))


@pytest.mark.requirement("RFC 8705", "2.2")
def test_any_other_certificate_is_refused(registered: Selves, own: Certified) -> None:
    rp = registered(own.jwk)
    words = "none of those in the JWK Set (x5c)"
    unproved(send(rp, certified("CN=anything")), words)
    unproved(send(rp, certified("CN=anything", issuer=authority())), words)


@pytest.mark.requirement("RFC 8705", "2.2.2")
@pytest.mark.parametrize(
    "x5c",
    [None, [], {}, "", [1], ["*"], ["AAAA"], ["A" * 20_000], ["\u00a3"], [None]],
    ids=lambda each: repr(each)[:20],
)
def test_a_key_without_a_certificate_that_can_be_read_registers_none(
    registered: Selves, own: Certified, x5c: Any
) -> None:
    jwk = {**own.jwk, "x5c": x5c}
    if x5c is None:
        del jwk["x5c"]
    unproved(send(registered(jwk), own), "none of those in the JWK Set (x5c)")


@pytest.mark.requirement("RFC 7517", "4.7")
def test_only_the_first_certificate_of_a_chain_is_registered(
    registered: Selves, own: Certified
) -> None:
    issuer = authority()
    jwk = {**own.jwk, "x5c": [*own.jwk["x5c"], *issuer.jwk["x5c"]]}
    rp = registered(jwk)
    unproved(send(rp, issuer), "none of those in the JWK Set (x5c)")
    accepted(send(rp, own))


@pytest.mark.requirement("RFC 8705", "2.2")
def test_a_client_without_keys_registers_no_certificate(
    relying_party: RelyingParties, own: Certified
) -> None:
    rp = relying_party(token_endpoint_auth_method="self_signed_tls_client_auth", jwks=None)
    unproved(send(rp, own), "none of those in the JWK Set (x5c)")


# --- self_signed_tls_client_auth with a jwks_uri -----------------------------------------------


@pytest.fixture
def server() -> Iterator[JwksServer]:
    remote.forget()
    with JwksServer(key("ES256", "client").public_jwk) as running:
        yield running
    remote.forget()


@pytest.fixture
def publishing(relying_party: RelyingParties, server: JwksServer) -> RelyingParty:
    return relying_party(
        token_endpoint_auth_method="self_signed_tls_client_auth", jwks=None, jwks_uri=server.url
    )


@pytest.mark.requirement("RFC 8705", "2.2.2")
@pytest.mark.usefixtures("asked_often")
def test_a_published_certificate_proves_the_client_and_is_read_once(
    publishing: RelyingParty, server: JwksServer, own: Certified
) -> None:
    server.publish(own.jwk, key("ES256", "client").public_jwk)
    for _ in range(3):
        accepted(send(publishing, own))
    remote.forget()  # another process
    accepted(send(publishing, own))
    assert server.asked == ["/keys"]


@pytest.mark.requirement("RFC 8705", "2.2.2")
def test_a_certificate_of_a_kind_of_key_that_signs_nothing_here_is_taken_from_a_published_set(
    publishing: RelyingParty, server: JwksServer
) -> None:
    large = certified(key=ec.generate_private_key(ec.SECP384R1()))
    server.publish(large.jwk, key("ES256", "client").public_jwk)
    accepted(send(publishing, large))


@pytest.mark.requirement("RFC 8705", "2.2.2")
def test_a_certificate_that_is_new_has_the_set_read_again(
    publishing: RelyingParty, server: JwksServer, own: Certified
) -> None:
    fresh = certified("CN=fresh")
    client_key = key("ES256", "client").public_jwk
    server.publish(own.jwk, client_key)
    with at(0):
        accepted(send(publishing, own))
        server.publish(fresh.jwk, client_key)
    with at(1):
        answer = send(publishing, fresh)
        refused(answer, "invalid_client", "none of those", status=401, stored=1)
    with at(31):
        accepted(send(publishing, fresh))
        answer = send(publishing, own)
        refused(answer, "invalid_client", "none of those", status=401, stored=2)
    assert len(server.asked) == 2


@pytest.mark.requirement("RFC 8705", "2.2.2")
def test_certificates_of_an_address_that_has_long_been_silent_are_not_believed(
    publishing: RelyingParty, server: JwksServer, own: Certified
) -> None:
    server.publish(own.jwk, key("ES256", "client").public_jwk)
    with at(0):
        accepted(send(publishing, own))
    server.document = "nothing"
    words = "no usable key could be read from the registered jwks_uri"
    with at(86_401):
        answer = send(publishing, own)
        refused(answer, "invalid_client", words, status=401, stored=1)


@pytest.mark.requirement("RFC 8705", "2.2.2")
def test_an_address_that_tells_nothing_is_named(
    publishing: RelyingParty, server: JwksServer, own: Certified
) -> None:
    server.document = []
    unproved(send(publishing, own), "client certificate: no usable key could be read")
    assert not RemoteJwks.objects.get().document


# --- both --------------------------------------------------------------------------------------

BOTH = ("tls_client_auth", "self_signed_tls_client_auth")


def client_of(method: str, relying_party: RelyingParties, own: Certified) -> RelyingParty:
    return relying_party(
        token_endpoint_auth_method=method,
        tls_client_auth_subject_dn="CN=anything" if method == "tls_client_auth" else "",
        jwks={"keys": [own.jwk, key("ES256", "client").public_jwk]},
    )


@pytest.mark.requirement("RFC 8705", "2")
@pytest.mark.parametrize("method", BOTH)
def test_client_id_is_required(relying_party: RelyingParties, own: Certified, method: str) -> None:
    rp = client_of(method, relying_party, own)
    body = {"request": rp.signed_request()}
    answer = rp.post("bc-authorize", body, authenticated=False, headers=headers(own))
    unproved(answer, "client_id is missing")
    unproved(send(rp, own, client_id="another"), "client authentication failed")


@pytest.mark.requirement("RFC 8705", "2")
@pytest.mark.parametrize("method", BOTH)
def test_without_a_certificate_nothing_is_proved(
    relying_party: RelyingParties, own: Certified, method: str
) -> None:
    rp = client_of(method, relying_party, own)
    unproved(rp.authenticate(), "client authentication is missing")


@pytest.mark.requirement("RFC 8705", "2")
@pytest.mark.parametrize("method", BOTH)
def test_another_clients_certificate_is_refused(
    relying_party: RelyingParties, own: Certified, method: str
) -> None:
    rp = client_of(method, relying_party, own)
    bank = certified("CN=bank", issuer=authority())
    relying_party(
        client_id="bank",
        token_endpoint_auth_method=method,
        tls_client_auth_subject_dn="CN=bank" if method == "tls_client_auth" else "",
        jwks={"keys": [bank.jwk]},
    )
    unproved(send(rp, bank), "the client certificate")
    accepted(send(rp, own))


@pytest.mark.requirement("RFC 8705", "2")
@pytest.mark.parametrize("method", BOTH)
def test_a_client_of_another_realm_is_unknown(
    relying_party: RelyingParties, realm: Realm, own: Certified, method: str
) -> None:
    rp = client_of(method, relying_party, own)
    alpha = make_realm("alpha", realm)
    rp.mount, rp.issuer = f"/oauth2/{alpha.url_prefix}", alpha.issuer
    unproved(send(rp, own), "client authentication failed")


@pytest.mark.requirement("RFC 8705", "3")
@pytest.mark.parametrize(
    "method", ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"]
)
def test_a_certificate_beside_another_method_is_no_second_method(
    relying_party: RelyingParties, own: Certified, method: str
) -> None:
    """Tokens are bound to it."""
    accepted(send(relying_party(token_endpoint_auth_method=method), own))


@pytest.mark.requirement("RFC 8705", "2")
@pytest.mark.parametrize("method", BOTH)
def test_a_certificate_does_not_save_a_client_that_tries_another_method(
    relying_party: RelyingParties, own: Certified, method: str
) -> None:
    rp = client_of(method, relying_party, own)
    answer = send(rp, own, client_secret=rp.secret)
    unproved(answer, f"this client is registered for {method}, not client_secret_post")


# --- discovery ---------------------------------------------------------------------------------


def metadata(client: HttpClient, path: str = "") -> dict[str, Any]:
    found = client.get(f"/oauth2/{path}.well-known/openid-configuration").json()
    assert isinstance(found, dict)
    return found


@pytest.mark.requirement("RFC 8705", "3.3")
@pytest.mark.requirement("RFC 8705", "5")
def test_discovery_tells_of_client_certificates_where_they_are_taken(
    client: HttpClient, realm: Realm
) -> None:
    found = metadata(client)
    assert set(BOTH) < set(found["token_endpoint_auth_methods_supported"])
    assert found["tls_client_certificate_bound_access_tokens"] is True
    aliases = found["mtls_endpoint_aliases"]
    assert aliases["token_endpoint"] == f"{MTLS}/access_token"
    assert aliases["backchannel_authentication_endpoint"] == f"{MTLS}/bc-authorize"
    assert aliases["userinfo_endpoint"] == f"{MTLS}/userinfo"
    for name, address in aliases.items():
        assert address == found[name].replace(ISSUER, MTLS)
    make_realm("alpha", realm)
    nested = metadata(client, "realms/root/realms/alpha/")["mtls_endpoint_aliases"]
    assert nested["token_endpoint"] == f"{MTLS}/realms/root/realms/alpha/access_token"


@pytest.mark.requirement("RFC 8705", "2")
@pytest.mark.usefixtures("realm")
def test_discovery_promises_no_more_than_the_proxy_is_set_up_for(
    client: HttpClient, settings: Any
) -> None:
    ours = settings.DJANGO_CIBA
    settings.DJANGO_CIBA = {**ours, "CLIENT_CERTIFICATE_VERIFIED_HEADER": None}
    methods = metadata(client)["token_endpoint_auth_methods_supported"]
    assert "tls_client_auth" not in methods
    assert "self_signed_tls_client_auth" in methods
    settings.DJANGO_CIBA = {**ours, "MTLS_ENDPOINTS": None}
    assert "mtls_endpoint_aliases" not in metadata(client)
    settings.DJANGO_CIBA = {**ours, "CLIENT_CERTIFICATE_HEADER": None}
    found = metadata(client)
    assert set(BOTH).isdisjoint(found["token_endpoint_auth_methods_supported"])
    assert "tls_client_certificate_bound_access_tokens" not in found
    assert "mtls_endpoint_aliases" not in found
