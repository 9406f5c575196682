"""What the tokens of a token request are bound to (RFC 9449 §5, RFC 8705 §3)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest

from django_ciba.client_certificates import ClientCertificate
from django_ciba.models import Client
from django_ciba.proof_of_possession.proof import (
    Proof,
    ProvenRequest,
    the_one_proof,
    the_proof_is_new,
    valid_proof,
)
from django_ciba.protocol.confirmation import Confirmation
from django_ciba.protocol.errors import InvalidDpopProof, InvalidRequest


@dataclass(frozen=True, slots=True)
class TokenSender:
    """Whom the tokens will be bound to. `next_nonce` is for the answer; "" when there is none."""

    confirmation: Confirmation
    next_nonce: str


def token_sender(
    http: HttpRequest,
    client: Client,
    certificate: ClientCertificate | None,
    addresses: Collection[str],
    now: datetime,
) -> TokenSender:
    """RFC 9449 §5, RFC 8705 §3: what this token request proves, and at least what it must.

    Refused here, before any state is looked at: a failed proof is no poll. Raises InvalidRequest,
    InvalidDpopProof, UseDpopNonce.
    """
    x5t_s256 = the_certificate_that_binds(client, certificate)
    proof = the_proof_of_the_request(http, client, addresses, now)
    jkt, next_nonce = ("", "") if proof is None else (proof.jkt, proof.next_nonce)
    return TokenSender(Confirmation(x5t_s256=x5t_s256, jkt=jkt), next_nonce)


def the_certificate_that_binds(client: Client, certificate: ClientCertificate | None) -> str:
    """RFC 8705 §3, §4: x5t#S256 of the certificate that tokens are bound to.

    Needed of a client with tls_client_certificate_bound_access_tokens; "" for any other, whatever
    it authenticates by (RFC 8705 §3.4).
    """
    if not client.tls_client_certificate_bound_access_tokens:
        return ""
    if certificate is None:
        raise InvalidRequest(
            "this client's tokens are bound to its certificate: show it in the TLS handshake"
        )
    return certificate.x5t_s256


def the_proof_of_the_request(
    http: HttpRequest, client: Client, addresses: Collection[str], now: datetime
) -> Proof | None:
    """RFC 9449 §5: the proof, used up now; needed of a client with dpop_bound_access_tokens."""
    value = the_one_proof(http)
    if value is None:
        if client.dpop_bound_access_tokens:
            raise InvalidDpopProof("this client must send a DPoP proof with every token request")
        return None
    proof = valid_proof(
        value,
        ProvenRequest(
            method=http.method or "",
            addresses=addresses,
            nonce_required=client.realm.conf.DPOP_NONCE_REQUIRED,
            now=now,
            algs=client.signature_algs(""),
        ),
    )
    the_proof_is_new(proof)
    return proof
