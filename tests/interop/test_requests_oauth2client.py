"""Python's requests_oauth2client goes through the flow: its signatures, its polling, its checks."""

import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from jwskate import JwkSet
from requests_oauth2client import (
    AccessDenied,
    AuthorizationPending,
    AuthorizationResponse,
    BackChannelAuthenticationPollingJob,
    BackChannelAuthenticationResponse,
    BearerToken,
    ClientSecretBasic,
    ClientSecretPost,
    DPoPToken,
    ExpiredToken,
    IdToken,
    InvalidGrant,
    OAuth2Client,
    PrivateKeyJwt,
    SlowDown,
    oidc_discovery_document_url,
)

from tests.interop.conftest import BASIC, CLIENTS, KEY, POST, Registered
from tests.live_site import LiveSite

pytestmark = pytest.mark.slow

# A signed request and a secret, and a signed request and a signed assertion.
both = pytest.mark.parametrize("client_id", ["basic", "key"])


class Party:
    """One registered client, played by the library; only what it does not know is told to it."""

    def __init__(self, registered: Registered, issuer: str, http: requests.Session) -> None:
        self.registered = registered
        self.issuer = issuer
        # The library takes all but these two addresses from the document by itself.
        metadata = http.get(oidc_discovery_document_url(issuer), timeout=20).json()
        self.client = OAuth2Client.from_discovery_document(
            metadata,
            issuer=issuer,
            auth=self.credentials(),
            backchannel_authentication_endpoint=metadata["backchannel_authentication_endpoint"],
            authorization_server_jwks=JwkSet(http.get(metadata["jwks_uri"], timeout=20).json()),
            id_token_signed_response_alg=registered.id_token_alg,
            session=http,
            testing=True,  # plain http
        )

    def credentials(self) -> requests.auth.AuthBase:
        mine = self.registered
        if mine.method == KEY:
            return PrivateKeyJwt(mine.client_id, mine.key)
        kind = {BASIC: ClientSecretBasic, POST: ClientSecretPost}[mine.method]
        return kind(mine.client_id, mine.secret)

    def ask(self, **parameters: Any) -> BackChannelAuthenticationResponse:
        """bc-authorize; the claims about the signed request itself are the caller's to give."""
        hint = {} if "id_token_hint" in parameters else {"login_hint": "alice"}
        asked = {**hint, "scope": "openid profile email", "acr_values": "push", **parameters}
        if self.registered.signed:
            now = int(time.time())
            asked |= {"iss": self.registered.client_id, "aud": self.issuer, "iat": now, "nbf": now}
            asked |= {"exp": now + 60, "jti": secrets.token_hex(16)}
            asked |= {"private_jwk": self.registered.key}
        return self.client.backchannel_authentication_request(**asked)

    def poll(self, response: BackChannelAuthenticationResponse) -> BearerToken:
        """One token request, now."""
        return self.client.ciba(response.auth_req_id)

    def claims(self, tokens: BearerToken) -> IdToken:
        """The ID token, once the library has found nothing wrong with it.

        Its check wants to know what was asked for, in the words of another flow.
        """
        asked = AuthorizationResponse(code="", issuer=self.issuer, acr_values="push", max_age=60)
        id_token = tokens.validate_id_token(self.client, asked).id_token
        assert isinstance(id_token, IdToken)
        return id_token


Parties = Callable[[str], Party]


@pytest.fixture
def party(site: LiveSite) -> Iterator[Parties]:
    with requests.Session() as http:
        http.trust_env = False

        def make(client_id: str) -> Party:
            registered = CLIENTS[client_id]
            return Party(registered, site.issuer(registered.realm), http)

        yield make


def wait_for(job: BackChannelAuthenticationPollingJob) -> BearerToken:
    """Poll as the library does, until there are tokens or an error; not for ever."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if tokens := job():
            return tokens
    raise TimeoutError("neither tokens nor an error")


@pytest.mark.requirement("CIBA Core", "7.4")
@pytest.mark.requirement("CIBA Core", "7.1.1")
@pytest.mark.requirement("CIBA Core", "7.3")
@pytest.mark.requirement("CIBA Core", "10.1.1")
@pytest.mark.parametrize("client_id", CLIENTS)
def test_requests_oauth2client_polls_until_it_has_tokens_that_it_takes(
    party: Parties, site: LiveSite, client_id: str
) -> None:
    rp = party(client_id)
    response = rp.ask(binding_message="Pay £50 to Example (EB-1)")
    assert (response.interval, response.expires_in) == (1, 600)
    job = BackChannelAuthenticationPollingJob(rp.client, response)
    assert job() is None
    site.answer(response.auth_req_id, "allow")
    tokens = wait_for(job)
    assert tokens.expires_in == 3599
    assert tokens.scope == "openid profile email"
    assert tokens.refresh_token
    claims = rp.claims(tokens)
    assert claims.alg == rp.registered.id_token_alg
    assert claims.get_claim("at_hash")
    assert claims.get_claim("acr") == "push"
    assert claims.get_claim("amr") == ["pwd"]


@pytest.mark.requirement("CIBA Core", "11")
@both
def test_requests_oauth2client_hears_access_denied(
    party: Parties, site: LiveSite, client_id: str
) -> None:
    rp = party(client_id)
    response = rp.ask(login_hint="bob")
    job = BackChannelAuthenticationPollingJob(rp.client, response)
    site.answer(response.auth_req_id, "deny")
    with pytest.raises(AccessDenied, match="The end user denied the request"):
        job()


@pytest.mark.requirement("CIBA Core", "11")
@both
def test_requests_oauth2client_hears_expired_token(party: Parties, client_id: str) -> None:
    rp = party(client_id)
    response = rp.ask(requested_expiry=2)
    assert response.expires_in == 2
    job = BackChannelAuthenticationPollingJob(rp.client, response)
    with pytest.raises(ExpiredToken, match="start a new authentication request"):
        wait_for(job)


@pytest.mark.requirement("CIBA Core", "11")
@both
def test_requests_oauth2client_slows_down_when_it_is_told_to(
    party: Parties, site: LiveSite, client_id: str
) -> None:
    rp = party(client_id)
    response = rp.ask(login_hint="carol")
    with pytest.raises(AuthorizationPending):
        rp.poll(response)
    with pytest.raises(SlowDown, match="The polling interval has not elapsed"):
        rp.poll(response)
    job = BackChannelAuthenticationPollingJob(rp.client, response)
    assert job() is None  # after the first interval, which has grown meanwhile
    assert job.interval == 6
    site.answer(response.auth_req_id, "allow")
    assert rp.claims(job.token_request())


@pytest.mark.requirement("RFC 6749", "6")
@pytest.mark.requirement("OIDC Core", "12.2")
@both
def test_requests_oauth2client_refreshes_its_tokens(
    party: Parties, site: LiveSite, client_id: str
) -> None:
    rp = party(client_id)
    response = rp.ask(login_hint="dave")
    site.answer(response.auth_req_id, "allow")
    first = rp.poll(response)
    second = rp.client.refresh_token(first)
    assert second.access_token != first.access_token
    assert second.refresh_token != first.refresh_token
    assert rp.claims(second).subject == rp.claims(first).subject
    assert rp.client.userinfo(second)["sub"] == rp.claims(first).subject
    with pytest.raises(InvalidGrant):
        rp.client.refresh_token(first)


@pytest.mark.requirement("OIDC Core", "5.3")
@both
def test_requests_oauth2client_reads_userinfo(
    party: Parties, site: LiveSite, client_id: str
) -> None:
    rp = party(client_id)
    response = rp.ask(login_hint="erin")
    site.answer(response.auth_req_id, "allow")
    tokens = rp.poll(response)
    claims = rp.client.userinfo(tokens)
    assert claims["sub"] == rp.claims(tokens).subject
    assert claims["name"] == "Erin Adams"
    assert claims["email"] == "erin@example.com"


@pytest.mark.requirement("RFC 9449", "5")
@pytest.mark.requirement("RFC 9449", "7.1")
@pytest.mark.requirement("RFC 9449", "8")
@both
def test_requests_oauth2client_binds_its_tokens_to_a_key_and_learns_our_nonces(
    party: Parties, site: LiveSite, client_id: str
) -> None:
    rp = party(client_id)
    response = rp.ask(login_hint="alice")
    site.answer(response.auth_req_id, "allow")
    tokens = rp.client.ciba(response.auth_req_id, requests_kwargs={"dpop": True})
    assert isinstance(tokens, DPoPToken)
    assert tokens.dpop_key.as_nonce
    assert rp.client.userinfo(tokens)["name"] == "Alice Adams"
    with pytest.raises(requests.HTTPError, match="401"):
        rp.client.userinfo(tokens.access_token)  # as a bearer
    again = rp.client.refresh_token(tokens)
    assert isinstance(again, DPoPToken)
    assert rp.client.userinfo(again)["name"] == "Alice Adams"


@pytest.mark.requirement("CIBA Core", "7.1", row="id_token_hint")
@both
def test_requests_oauth2client_hints_at_the_user_with_an_earlier_id_token(
    party: Parties, site: LiveSite, client_id: str
) -> None:
    rp = party(client_id)
    response = rp.ask(login_hint="frank")
    site.answer(response.auth_req_id, "allow")
    earlier = rp.poll(response)
    again = rp.ask(id_token_hint=str(earlier.id_token))
    site.answer(again.auth_req_id, "allow")
    assert rp.claims(rp.poll(again)).subject == rp.claims(earlier).subject
