"""The rules between members of client metadata, each run when those that it reads are sound."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from django_ciba.conf import CibaSettings
from django_ciba.jose import (
    FAPI_ALGS,
    BadKey,
    EncryptionKey,
    VerificationKey,
    encryption_keys,
    registered_certificates,
    verification_keys,
)
from django_ciba.models import Client
from django_ciba.models.client import FAPI_AUTH_METHODS
from django_ciba.protocol.names import OPENID_SCOPE
from django_ciba.protocol.problems import Problem

AuthMethod = Client.AuthMethod
DeliveryMode = Client.DeliveryMode

SECRET_METHODS: Final = (
    AuthMethod.CLIENT_SECRET_BASIC,
    AuthMethod.CLIENT_SECRET_POST,
    AuthMethod.CLIENT_SECRET_JWT,
)
CERTIFICATE_METHODS: Final = (AuthMethod.TLS_CLIENT_AUTH, AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH)

METHOD: Final = "token_endpoint_auth_method"
ASSERTION_ALG: Final = "token_endpoint_auth_signing_alg"
REQUEST_ALG: Final = "backchannel_authentication_request_signing_alg"
SIGNED_REQUESTS: Final = "require_signed_request_object"
MODE: Final = "backchannel_token_delivery_mode"
TWO_STEPS: Final = "two_step_user_code"
NOTIFICATIONS: Final = "backchannel_client_notification_endpoint"
CERTIFICATE_BOUND: Final = "tls_client_certificate_bound_access_tokens"
DPOP_BOUND: Final = "dpop_bound_access_tokens"
CERTIFICATE_NAMES: Final = (
    "tls_client_auth_subject_dn",
    "tls_client_auth_san_dns",
    "tls_client_auth_san_uri",
    "tls_client_auth_san_ip",
    "tls_client_auth_san_email",
)
# What we sign for the client, by a key of its realm.
RESPONSE_ALGS: Final = (
    "id_token_signed_response_alg",
    "userinfo_signed_response_alg",
    "introspection_signed_response_alg",
)
USE_THE_KEYS: Final = (
    "so the client must use the keys there: require signed requests, or choose private_key_jwt or "
    "self_signed_tls_client_auth"
)
# What we encrypt to a key of the client.
RESPONSE_ENCRYPTION: Final = ("id_token_encrypted_response", "userinfo_encrypted_response")
ENCRYPTION: Final = (*RESPONSE_ENCRYPTION, "request_object_encryption")


@dataclass(frozen=True, slots=True)
class Case:
    """What the rules look at: as given, and as it will be.

    `has_secret`: whether one is stored; `knows_secret`: whether more than its digest is.
    """

    given: Mapping[str, Any]
    whole: Mapping[str, Any]
    conf: CibaSettings
    details_types: Collection[str]
    has_secret: bool
    knows_secret: bool

    @property
    def method(self) -> str:
        return str(self.whole[METHOD])

    @property
    def is_fapi(self) -> bool:
        return bool(self.whole["profile"] == Client.Profile.FAPI_CIBA)

    def has(self, name: str) -> bool:
        return self.whole.get(name) is not None

    def keys(self) -> tuple[VerificationKey, ...]:
        """The inline keys; none when there is no `jwks`, or one that somebody stored broken."""
        return _readable(verification_keys, self.whole.get("jwks"))

    def encryption_keys(self) -> tuple[EncryptionKey, ...]:
        """As `keys`, those that we may encrypt to."""
        return _readable(encryption_keys, self.whole.get("jwks"))

    def inline(self) -> list[Mapping[str, Any]]:
        """The inline keys as they are written, those for encryption too."""
        jwks = self.whole.get("jwks")
        keys = jwks.get("keys") if isinstance(jwks, Mapping) else None
        return [each for each in keys or () if isinstance(each, Mapping)]


K = TypeVar("K")


def _readable(reader: Callable[[Any], tuple[K, ...]], jwks: Any) -> tuple[K, ...]:
    try:
        return reader(jwks) if jwks else ()
    except BadKey:
        return ()


Rule = Callable[[Case], Iterator[Problem]]


def a_client_id(case: Case) -> Iterator[Problem]:
    """RFC 6749 §2.2: a client has a name."""
    if not case.whole.get("client_id"):
        yield Problem("client_id", "is missing")


def a_client_id_that_basic_can_carry(case: Case) -> Iterator[Problem]:
    """RFC 7617 §2: HTTP Basic ends the name at the first colon."""
    if case.method == AuthMethod.CLIENT_SECRET_BASIC and ":" in case.whole.get("client_id", ""):
        yield Problem(
            "client_id",
            "holds a colon, where HTTP Basic ends the name: choose another client_id, or "
            "another token_endpoint_auth_method",
        )


# --- client authentication ------------------------------------------------------------------------


def a_secret_for_the_methods_that_use_one(case: Case) -> Iterator[Problem]:
    """RFC 6749 §2.3.1, OpenID Connect Core §9: a MAC needs the secret, not a digest of it."""
    given = case.given.get("client_secret")
    if case.method not in SECRET_METHODS:
        if given is not None:
            yield Problem("client_secret", f"has no use with {case.method}: leave it out")
    elif given is None and ("client_secret" in case.given or not case.has_secret):
        yield Problem(
            "client_secret", f"is missing: {case.method} needs one of at least 32 characters"
        )
    elif given is None and case.method == AuthMethod.CLIENT_SECRET_JWT and not case.knows_secret:
        yield Problem(
            "client_secret",
            "is missing: client_secret_jwt needs the secret itself, and of the stored one only a "
            "digest is kept",
        )


def an_assertion_alg_of_the_method(case: Case) -> Iterator[Problem]:
    """OpenID Connect Core §9: HS256 by the secret, and nothing else by it."""
    alg = case.whole.get(ASSERTION_ALG)
    by_secret = case.method == AuthMethod.CLIENT_SECRET_JWT
    if alg is not None and by_secret != (alg == Client.AssertionAlg.HS256):
        what = (
            "client_secret_jwt signs with HS256"
            if by_secret
            else "HS256 is for client_secret_jwt alone"
        )
        yield Problem(ASSERTION_ALG, f"is {alg}, and {what}")


def certificates_where_the_site_takes_them(case: Case) -> Iterator[Problem]:
    """RFC 8705 §2, §3: nobody proves a certificate to a site that reads none."""
    if case.conf.CLIENT_CERTIFICATE_HEADER is None:
        none = "this site takes no client certificates (CLIENT_CERTIFICATE_HEADER)"
        if case.method in CERTIFICATE_METHODS:
            yield Problem(METHOD, f"is {case.method}, and {none}")
        if case.whole[CERTIFICATE_BOUND]:
            yield Problem(CERTIFICATE_BOUND, f"is true, and {none}")
    elif (
        case.method == AuthMethod.TLS_CLIENT_AUTH
        and case.conf.CLIENT_CERTIFICATE_VERIFIED_HEADER is None
    ):
        yield Problem(
            METHOD,
            "is tls_client_auth, and this site does not hear whether the chain of a certificate is "
            "good (CLIENT_CERTIFICATE_VERIFIED_HEADER)",
        )


def one_name_of_the_certificate(case: Case) -> Iterator[Problem]:
    """RFC 8705 §2.1.2: exactly one of the five, with tls_client_auth and with nothing else."""
    named = [name for name in CERTIFICATE_NAMES if case.has(name)]
    if case.method != AuthMethod.TLS_CLIENT_AUTH:
        for name in named:
            yield Problem(name, f"has no use with {case.method}: leave it out")
    elif not named:
        yield Problem(CERTIFICATE_NAMES[0], f"is missing: tls_client_auth needs one of {_listed()}")
    else:
        for name in named[1:]:
            yield Problem(name, f"stands beside {named[0]}: give exactly one of {_listed()}")


def _listed() -> str:
    return ", ".join(CERTIFICATE_NAMES)


def a_certificate_of_a_self_signed_client(case: Case) -> Iterator[Problem]:
    """RFC 8705 §2.2.2: what it shows is compared with the x5c of its registered keys."""
    if case.method != AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH or case.has("jwks_uri"):
        return
    if not any("x5c" in key for key in case.inline()):
        yield Problem(
            "jwks",
            "holds no x5c: self_signed_tls_client_auth needs a key with its certificate in x5c, or "
            "jwks_uri",
        )


def x5c_of_its_key(case: Case) -> Iterator[Problem]:
    """RFC 7517 §4.7: the first certificate in x5c is that of the very key."""
    for index, jwk in enumerate(case.inline()):
        path = f"jwks.keys[{index}].x5c"
        try:
            certified = [each.public_key() for each in registered_certificates({"keys": [jwk]})]
        except BadKey as fault:
            yield Problem(path, fault.reason.partition("x5c: ")[2])
            continue
        keys = _readable(verification_keys, {"keys": [jwk]})
        if any(key.key != each for key in keys for each in certified):
            yield Problem(path, "is the certificate of another key")


# --- keys -----------------------------------------------------------------------------------------


def one_source_of_keys(case: Case) -> Iterator[Problem]:
    """RFC 7591 §2: jwks and jwks_uri must not both be present."""
    if case.has("jwks") and case.has("jwks_uri"):
        yield Problem("jwks_uri", "stands beside jwks: give one of the two")


def keys_where_something_is_signed(case: Case) -> Iterator[Problem]:
    """CIBA Core §4, §7.1.1: what the client signs is verified with its registered keys."""
    if case.has("jwks_uri") or case.keys():
        return
    problem = "holds no key for signatures" if case.has("jwks") else "is missing"
    if case.method == AuthMethod.PRIVATE_KEY_JWT:
        yield Problem("jwks", f"{problem}: private_key_jwt needs jwks or jwks_uri")
    elif case.whole[SIGNED_REQUESTS]:
        yield Problem(
            "jwks",
            f"{problem}: signed requests need jwks or jwks_uri; for a client that does not sign, "
            "set require_signed_request_object to false",
        )


def a_key_for_each_registered_alg(case: Case) -> Iterator[Problem]:
    """RFC 8725 §3.1: an algorithm that none of the keys can make could never be used."""
    names = [REQUEST_ALG]
    if case.method == AuthMethod.PRIVATE_KEY_JWT:
        names.append(ASSERTION_ALG)
    keys = case.keys()
    for name in names:
        alg = case.whole.get(name)
        if alg and keys and not any(alg in key.algs for key in keys):
            yield Problem(name, f"is {alg}, and no key in jwks is for that")


def alg_before_enc(case: Case) -> Iterator[Problem]:
    """OpenID Connect Registration §2: enc is given only with its alg."""
    for prefix in ENCRYPTION:
        if case.has(f"{prefix}_enc") and not case.has(f"{prefix}_alg"):
            yield Problem(f"{prefix}_enc", f"needs {prefix}_alg beside it")


def a_key_to_encrypt_to(case: Case) -> Iterator[Problem]:
    """OpenID Connect Registration §2, RFC 7517 §4.2: a key of the client's that fits."""
    if case.has("jwks_uri"):
        return
    for prefix in RESPONSE_ENCRYPTION:
        alg = case.whole.get(f"{prefix}_alg")
        if alg and not any(alg in key.algs for key in case.encryption_keys()):
            yield Problem(
                f"{prefix}_alg", f"is {alg}, and no key in jwks may be encrypted to with that"
            )


# --- the realm ------------------------------------------------------------------------------------


def openid_and_scopes_of_the_realm(case: Case) -> Iterator[Problem]:
    """CIBA Core §7.1: openid must be asked for, so it must be allowed."""
    scopes = case.whole["scope"].split(" ")
    if OPENID_SCOPE not in scopes:
        yield Problem("scope", "must hold openid")
    known = case.conf.SCOPES
    for number, each in enumerate(scopes, 1):
        if each not in known and each != OPENID_SCOPE:
            yield Problem(
                "scope", f"word {number} is not a scope of this realm ({' '.join(known)})"
            )


def response_algs_of_the_realm(case: Case) -> Iterator[Problem]:
    """OpenID Connect Registration §2, RFC 9701 §6: algorithms that the realm has a key for."""
    for name in RESPONSE_ALGS:
        alg = case.whole.get(name)
        if alg is not None and alg not in case.conf.SIGNING_ALGS:
            yield Problem(
                name,
                f"is {alg}, and this realm signs with {', '.join(case.conf.SIGNING_ALGS)} "
                "(signing_algs)",
            )


def details_types_of_the_realm(case: Case) -> Iterator[Problem]:
    """RFC 9396 §10: types that the realm knows."""
    name = "authorization_details_types"
    for index, each in enumerate(case.whole.get(name) or ()):
        if each not in case.details_types:
            yield Problem(f"{name}[{index}]", "is no type of authorization details of this realm")


def pushed_tokens_where_the_realm_pushes(case: Case) -> Iterator[Problem]:
    """CIBA Core §5: push is the operator's to allow, since it hands tokens to an address."""
    if case.whole[MODE] == DeliveryMode.PUSH and not case.conf.PUSH_DELIVERY:
        yield Problem(MODE, "is push, and this realm pushes no tokens (push_delivery)")


def an_endpoint_for_notifications(case: Case) -> Iterator[Problem]:
    """CIBA Core §4: required for ping and push."""
    mode = case.whole[MODE]
    if mode != DeliveryMode.POLL and not case.has(NOTIFICATIONS):
        yield Problem(NOTIFICATIONS, f"is missing: {mode} sends there")


def two_steps_by_polls(case: Case) -> Iterator[Problem]:
    """Protocol §6: the client polls for the middle token, and finishes under another auth_req_id.

    CIBA Core §10.2: a ping says that the tokens of one auth_req_id are ready, and there are two.
    FAPI-CIBA §5.2.2: an approval outside of the authentication device is none of that profile's.
    """
    if not case.whole[TWO_STEPS]:
        return
    if (mode := case.whole[MODE]) != DeliveryMode.POLL:
        yield Problem(
            TWO_STEPS,
            f"is true, and {MODE} is {mode}: a client polls for a middle token, so use poll",
        )
    if case.is_fapi:
        yield Problem(TWO_STEPS, "must be false with profile fapi-ciba")


def a_sector_that_the_client_belongs_to(case: Case) -> Iterator[Problem]:
    """OpenID Connect Core §8.1, CIBA Core §4: what pairwise subjects are made from is its own.

    `Client.sector` takes the host of jwks_uri where nothing else is said: then the keys there must
    be used, or anybody could claim anybody's sector.
    """
    if case.whole["subject_type"] != Client.SubjectType.PAIRWISE:
        return
    if case.conf.PAIRWISE_SALT is None:
        yield Problem("subject_type", "is pairwise, and this site has no PAIRWISE_SALT")
    proved = uses_its_keys(case.method, case.whole[SIGNED_REQUESTS])
    by_keys = case.has("jwks_uri") and not case.has("sector_identifier_uri")
    if by_keys and case.whole[MODE] != DeliveryMode.PUSH and not proved:
        yield Problem(
            "subject_type",
            f"is pairwise by the host of jwks_uri, {USE_THE_KEYS}",
        )


def uses_its_keys(method: str, signs_requests: bool) -> bool:
    """CIBA Core §4: whether the client shows that the keys at its jwks_uri are its own."""
    return signs_requests or method in (
        AuthMethod.PRIVATE_KEY_JWT,
        AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH,
    )


# --- FAPI-CIBA ------------------------------------------------------------------------------------


def the_profile_of_the_realm(case: Case) -> Iterator[Problem]:
    """FAPI-CIBA §5.2.2, forced for a realm."""
    if case.conf.REQUIRE_FAPI_CIBA and not case.is_fapi:
        yield Problem("profile", "must be fapi-ciba in this realm (require_fapi_ciba)")


def what_fapi_ciba_asks(case: Case) -> Iterator[Problem]:
    """FAPI-CIBA §5.2.2, FAPI 1.0 Advanced §5.2.2, §8.6: no secrets, all signed, tokens bound."""
    if not case.is_fapi:
        return
    if case.method not in FAPI_AUTH_METHODS:
        yield Problem(METHOD, f"must be {' or '.join(FAPI_AUTH_METHODS)} with profile fapi-ciba")
    if not case.whole[SIGNED_REQUESTS]:
        yield Problem(SIGNED_REQUESTS, "must be true with profile fapi-ciba")
    if case.whole[MODE] == DeliveryMode.PUSH:
        yield Problem(MODE, "must be poll or ping with profile fapi-ciba")
    if not case.whole[CERTIFICATE_BOUND] and not case.whole[DPOP_BOUND]:
        yield Problem(CERTIFICATE_BOUND, f"or {DPOP_BOUND} must be true with profile fapi-ciba")
    algs = " or ".join(FAPI_ALGS)
    for name in (REQUEST_ALG, ASSERTION_ALG, *RESPONSE_ALGS):
        if case.has(name) and case.whole[name] not in FAPI_ALGS:
            yield Problem(name, f"must be {algs} with profile fapi-ciba")
    keys = case.keys()
    if keys and not any(set(FAPI_ALGS) & set(key.algs) for key in keys):
        yield Problem("jwks", f"holds no key for {algs}, which profile fapi-ciba asks for")


RULES: Final[tuple[tuple[frozenset[str], Rule], ...]] = (
    (frozenset({"client_id"}), a_client_id),
    (frozenset({"client_id", METHOD}), a_client_id_that_basic_can_carry),
    (frozenset({"client_secret", METHOD}), a_secret_for_the_methods_that_use_one),
    (frozenset({METHOD, ASSERTION_ALG}), an_assertion_alg_of_the_method),
    (frozenset({METHOD, CERTIFICATE_BOUND}), certificates_where_the_site_takes_them),
    (frozenset({METHOD, *CERTIFICATE_NAMES}), one_name_of_the_certificate),
    (frozenset({"jwks", "jwks_uri", METHOD}), a_certificate_of_a_self_signed_client),
    (frozenset({"jwks"}), x5c_of_its_key),
    (frozenset({"jwks", "jwks_uri"}), one_source_of_keys),
    (
        frozenset({"jwks", "jwks_uri", METHOD, SIGNED_REQUESTS}),
        keys_where_something_is_signed,
    ),
    (frozenset({"jwks", METHOD, REQUEST_ALG, ASSERTION_ALG}), a_key_for_each_registered_alg),
    (
        frozenset(f"{prefix}_{part}" for prefix in ENCRYPTION for part in ("alg", "enc")),
        alg_before_enc,
    ),
    (
        frozenset({"jwks", "jwks_uri", *(f"{prefix}_alg" for prefix in RESPONSE_ENCRYPTION)}),
        a_key_to_encrypt_to,
    ),
    (frozenset({"scope"}), openid_and_scopes_of_the_realm),
    (frozenset(RESPONSE_ALGS), response_algs_of_the_realm),
    (frozenset({"authorization_details_types"}), details_types_of_the_realm),
    (frozenset({MODE}), pushed_tokens_where_the_realm_pushes),
    (frozenset({MODE, NOTIFICATIONS}), an_endpoint_for_notifications),
    (frozenset({TWO_STEPS, MODE, "profile"}), two_steps_by_polls),
    (
        frozenset(
            {"subject_type", "sector_identifier_uri", "jwks_uri", METHOD, SIGNED_REQUESTS, MODE}
        ),
        a_sector_that_the_client_belongs_to,
    ),
    (frozenset({"profile"}), the_profile_of_the_realm),
    (
        frozenset(
            {
                "profile",
                "jwks",
                METHOD,
                SIGNED_REQUESTS,
                MODE,
                CERTIFICATE_BOUND,
                DPOP_BOUND,
                REQUEST_ALG,
                ASSERTION_ALG,
                *RESPONSE_ALGS,
            }
        ),
        what_fapi_ciba_asks,
    ),
)
