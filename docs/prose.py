"""What the reference says and no declaration in the code does: who says an error, what to do."""

from dataclasses import dataclass
from typing import Final

EVERYWHERE: Final = ("every endpoint",)
ASK: Final = "bc-authorize"
CANCEL: Final = "bc-authorize/cancel"
TOKEN: Final = "access_token"
USERINFO: Final = "userinfo"
INTROSPECT: Final = "introspect"
OWN_API: Final = "your own API"
REGISTER: Final = "register"
REGISTRATION: Final = "register/client_id"
REVOKE: Final = "token/revoke"
PUSHED: Final = "a push to the client"


@dataclass(frozen=True)
class ErrorProse:
    """Which endpoints say it, and what a relying party's developer does about it."""

    said_by: tuple[str, ...]
    what_to_do: str


ERROR_PROSE: Final[dict[str, ErrorProse]] = {
    "invalid_request": ErrorProse(
        (ASK, CANCEL, TOKEN, USERINFO, INTROSPECT, REVOKE, OWN_API, REGISTER, REGISTRATION),
        "Read `error_description`: it names the parameter and the rule. Bodies are "
        "`application/x-www-form-urlencoded` in UTF-8, each parameter once. A signed request "
        "carries every parameter inside; beside it stands client authentication alone. The same "
        "code comes with 404 for a realm that does not exist, and with 405 for a method that an "
        "endpoint does not take.",
    ),
    "invalid_client": ErrorProse(
        (ASK, CANCEL, TOKEN, INTROSPECT, REVOKE),
        "Authenticate by the method that the client is registered for, and by that one only. "
        "Compare the secret, or the key, `aud`, `exp` and `jti` of the assertion: an assertion "
        "lives at most 30 minutes, and its `jti` is good once. With a certificate, send "
        "`client_id`, and show it where `mtls_endpoint_aliases` of discovery says "
        "([Take client certificates](../how-to/mutual-tls.md)). The description of a wrong secret "
        "and of an unknown client is the same on purpose; the provider's log tells them apart.",
    ),
    "unauthorized_client": ErrorProse(
        (ASK, TOKEN),
        "Have the operator add the grant to the client's `grant_types`.",
    ),
    "invalid_scope": ErrorProse(
        (ASK, TOKEN),
        "Ask for `openid`, and beside it only for what the client is registered for; the "
        "description lists that. At a refresh, ask for no more than was granted.",
    ),
    "unknown_user_id": ErrorProse(
        (ASK,),
        "The hint fits no user, or more than one. Check its form: which fields a plain "
        "`login_hint` is compared with is the site's choice "
        "([LOGIN_HINT_FIELDS](settings.md#login_hint_fields)). A client that is registered with "
        "`hide_unknown_users` never sees this error: its request runs out instead.",
    ),
    "expired_login_hint_token": ErrorProse(
        (ASK,),
        "Get a new `login_hint_token` from its issuer, and send a new request.",
    ),
    "missing_user_code": ErrorProse(
        (ASK,),
        "Ask the user for the code that they set on their device, and send it as `user_code`; in "
        "the second of [two steps](../tutorial/two-step-user-code.md), for the passcode that they "
        "were sent.",
    ),
    "invalid_user_code": ErrorProse(
        (ASK,),
        "Ask the user again. After too many wrong codes in a row the code is locked for a while "
        "([USER_CODE_LOCKOUT](settings.md#user_code_lockout)), and the right one is refused too. A "
        "passcode of [two steps](../tutorial/two-step-user-code.md) may be wrong as often as its "
        "journey says; after that, start again.",
    ),
    "invalid_binding_message": ErrorProse(
        (ASK,),
        "Send 1 to 100 characters that begin with a letter, a number or a punctuation mark "
        "(currency signs count), without line breaks, control characters, bidirectional overrides "
        "or invisible characters.",
    ),
    "invalid_authorization_details": ErrorProse(
        (ASK, TOKEN),
        "Send `authorization_details` as a JSON array of objects, each with a `type` that "
        "discovery "
        "lists and the client is registered for, and of the form that the description asks for. "
        "At the "
        "token endpoint, send objects that are equal to granted ones, or none.",
    ),
    "invalid_target": ErrorProse(
        (ASK, TOKEN),
        "Name resources that the realm knows ([RESOURCES](settings.md#resources)) as absolute "
        "URIs; "
        "at the token endpoint, none that the authentication request did not name, where it named "
        "some.",
    ),
    "invalid_dpop_proof": ErrorProse(
        (TOKEN, USERINFO, OWN_API),
        "Make a new proof for every request, with its method, its address without query, the time "
        "and a new `jti`, and with the key that the token is bound to.",
    ),
    "use_dpop_nonce": ErrorProse(
        (TOKEN, USERINFO, OWN_API),
        "Make the proof again with the `nonce` that the `DPoP-Nonce` header of this answer names, "
        "and use that one until another answer names a newer one.",
    ),
    "access_denied": ErrorProse(
        (ASK, TOKEN, PUSHED, REGISTER, REGISTRATION),
        "Stop. From the token endpoint: the user denied, let the prompt run out, or the client or "
        "an operator cancelled the request. In a push: the user denied. From `bc-authorize`: the "
        "user's account is locked, or the journey ended before anybody could be asked, or the user "
        "is not to be asked now: too many requests wait for them or came lately, they have denied "
        "yours, or they have muted you ([Limit prompts](../how-to/limit-prompts.md)); which of "
        "these is not told. Ask again only when the user wants it. From `register`: clients "
        "cannot register themselves in this realm ([REGISTRATION](settings.md#registration)).",
    ),
    "authorization_pending": ErrorProse(
        (TOKEN,),
        "Wait for the interval, and ask again. This is the usual answer, not a failure.",
    ),
    "slow_down": ErrorProse(
        (TOKEN,),
        "Add 5 seconds to your interval for the rest of this request, and wait at least the "
        "seconds that `Retry-After` says.",
    ),
    "expired_token": ErrorProse(
        (TOKEN, PUSHED),
        "Nobody answered in time. Start a new authentication request, if the user still wants it.",
    ),
    "transaction_failed": ErrorProse(
        (PUSHED,),
        "Stop, and tell the user that it did not work: the prompt ran out, an operator withdrew "
        "the request, or the account has been locked. Ask again only when the user wants it.",
    ),
    "invalid_grant": ErrorProse(
        (TOKEN, CANCEL),
        "Use each `auth_req_id` and each refresh token once, with the client that it was given "
        "to. A second use ends every token that the first one gave, since one of the two users "
        "of it is a thief: start a new authentication request. From `bc-authorize/cancel`: nothing "
        "waits under that `auth_req_id`; poll it to learn what became of it.",
    ),
    "unsupported_grant_type": ErrorProse(
        (TOKEN,),
        "Send `urn:openid:params:grant-type:ciba` or `refresh_token`.",
    ),
    "unsupported_response_type": ErrorProse(
        ("authorize",),
        "A page for people, not JSON: the application is set up for a flow by redirect. Use "
        "`bc-authorize`.",
    ),
    "invalid_token": ErrorProse(
        (USERINFO, OWN_API, REGISTER, REGISTRATION),
        "Get a new access token with the refresh token, or by a new authentication request. Send "
        "it in the Authorization header and nowhere else; one that is bound to a certificate or a "
        "DPoP key, with that. At `register`: an initial access token of the operator's; at the "
        "client's address below it: the registration access token.",
    ),
    "insufficient_scope": ErrorProse(
        (USERINFO, OWN_API),
        "Start a new authentication request with the scope that the challenge names.",
    ),
    "insufficient_user_authentication": ErrorProse(
        (OWN_API,),
        "Start a new authentication request with the `acr_values` that the challenge names.",
    ),
    "invalid_client_metadata": ErrorProse(
        (REGISTER, REGISTRATION),
        "The description names each faulty member and the rule. Nothing was registered or changed, "
        "and an initial access token has kept its uses.",
    ),
    "invalid_redirect_uri": ErrorProse(
        (REGISTER, REGISTRATION),
        "Send absolute URIs in `redirect_uris`, or leave them out: no flow here uses them.",
    ),
    "unapproved_software_statement": ErrorProse(
        (REGISTER, REGISTRATION),
        "Leave `software_statement` out, and send its claims as plain members of the metadata.",
    ),
    "unsupported_token_type": ErrorProse(
        (REVOKE,),
        "Send an access token or a refresh token. An ID token cannot be called back: it ends by "
        "its `exp`.",
    ),
    "server_error": ErrorProse(
        EVERYWHERE,
        "Try again later. To the operator: the log of `django_ciba.endpoints` says what happened.",
    ),
    "temporarily_unavailable": ErrorProse(
        EVERYWHERE,
        "Try again after the seconds that `Retry-After` says. To the operator: the database does "
        "not answer, or, for a poll, [LONG_POLLING_MOST](settings.md#long_polling_most) polls are "
        "being held.",
    ),
}

# Statuses that every endpoint gives alike; the others are declared by the endpoints.
STATUS_EVERYWHERE: Final = {"server_error": 500, "temporarily_unavailable": 503}

DOCUMENT_MEMBERS: Final[dict[str, str]] = {
    "realm": "Path of the realm: `/` for root, `/alpha`, `/alpha/beta`. Realms on the way are made "
    "too. The only member that every document needs.",
    "enabled": "`false` shuts the realm and those below it: every address of theirs is 404.",
    "issuer": "The realm's issuer, where it is not the address that the realm is served at.",
    "settings": "[Settings of the realm](#settings-of-a-realm), by lower-case name.",
    "journeys": "A list of [journeys](journeys.md), each with a `name`. A changed journey gets a "
    "new version; requests under way keep theirs.",
    "acr_values": 'Which `acr_values` lead to which journey: a list of `{"acr": "push", "journey": '
    '"CIBA Push Journey"}`, in the order that discovery announces them.',
    "default_journey": "Name of the journey for requests without a mapped acr value.",
    "authorization_details_types": "A list of types of "
    "[authorization details](../how-to/authorization-details.md): `type`, and `name`, `schema` and "
    "`template`, which are empty when they are left out.",
    "clients": "A list of [clients](#members-of-a-client).",
}

CLIENT_MEMBERS: Final[dict[str, str]] = {
    "client_id": "The client's name, unique in its realm: letters, digits, `. _ ~ : / -`. Every "
    "client needs one.",
    "client_name": "What users read when they are asked. Without it, they read the `client_id`.",
    "enabled": "`false` refuses the client, and the tokens that it has, everywhere.",
    "token_endpoint_auth_method": "How the client proves who it is; the only way that is taken.",
    "token_endpoint_auth_signing_alg": "The one algorithm of its assertions (`private_key_jwt`; "
    "`HS256` for `client_secret_jwt`). Left out: any that its keys allow.",
    "tls_client_auth_subject_dn": "The subject of its certificate, as RFC 4514 writes it: "
    "`CN=rp.example.com,O=Example,C=GE`. With `tls_client_auth`, exactly one of these five.",
    "tls_client_auth_san_dns": "Or a host name in its certificate.",
    "tls_client_auth_san_uri": "Or a URI in its certificate.",
    "tls_client_auth_san_ip": "Or an IP address in its certificate.",
    "tls_client_auth_san_email": "Or an e-mail address in its certificate.",
    "tls_client_certificate_bound_access_tokens": "`true`: its access tokens work only with the "
    "certificate that they were asked for with.",
    "dpop_bound_access_tokens": "`true`: each token request needs a DPoP proof, and its tokens "
    "work only with the key of that proof.",
    "scope": "What it may ask for: words with one space between them, `openid` among them.",
    "grant_types": "What it may send to the token endpoint. Without `refresh_token` it gets none.",
    "jwks": "Its public keys, as a JWK Set. Excludes `jwks_uri`.",
    "jwks_uri": "Where it publishes its public keys; `https`. Excludes `jwks`.",
    "backchannel_token_delivery_mode": "How it learns of the answer: see "
    "[ping and push](../how-to/ping-and-push.md).",
    "backchannel_client_notification_endpoint": "Where it is called (`ping`, `push`): an `https` "
    "address that the client itself owns.",
    "backchannel_long_polling": "`true`: its polls are held until the user has answered.",
    "backchannel_authentication_request_signing_alg": "The one algorithm of its signed requests. "
    "Left out: any that its keys allow.",
    "two_step_user_code": "`true`: it finishes requests by a passcode that their user was sent, "
    "[in two steps](../tutorial/two-step-user-code.md).",
    "backchannel_user_code_parameter": "`true`: it must send `user_code` for users who have set "
    "one.",
    "require_signed_request_object": "`false`: it may send its parameters unsigned.",
    "id_token_signed_response_alg": "What its ID tokens are signed with; one of the realm's "
    "`signing_algs`.",
    "id_token_encrypted_response_alg": "What the key of its encrypted ID tokens is encrypted with: "
    "`RSA-OAEP-256`, `ECDH-ES` or `ECDH-ES+A256KW`. Needs `django-ciba[jwe]`, as the next ones do.",
    "id_token_encrypted_response_enc": "And their content: `A128CBC-HS256` (where `alg` stands "
    "alone), `A256CBC-HS512`, `A128GCM` or `A256GCM`.",
    "userinfo_encrypted_response_alg": "The same for UserInfo.",
    "userinfo_encrypted_response_enc": "The same for UserInfo.",
    "request_object_encryption_alg": "The one algorithm by which it encrypts its signed requests "
    "to us. Left out: any that we know, or none.",
    "request_object_encryption_enc": "And their content.",
    "userinfo_signed_response_alg": "What UserInfo is signed with. Left out: UserInfo is plain "
    "JSON.",
    "introspection_signed_response_alg": "What it gets signed introspection answers signed with "
    "(RFC 9701). Left out: `RS256`, or as its ID tokens where that cannot be.",
    "subject_type": "`pairwise`: it knows users by subjects that clients of another sector do not "
    "share.",
    "sector_identifier_uri": "Pairwise clients with the same host here know a user by the same "
    "subject. Left out: the host of `jwks_uri`, or, for `push`, of the notification endpoint; "
    "without either, the client is a sector by itself.",
    "access_token_format": "`jwt`: its access tokens are JWTs that a resource server can read by "
    "itself (RFC 9068).",
    "may_introspect": "`true`: a resource server of the realm, which may "
    "[introspect](../how-to/introspect-and-revoke.md) the access tokens that it is shown.",
    "resource_identifiers": "The resources (RFC 8707) that a resource server is. Tokens for "
    "others are inactive to it, those that name none are not. Left out: it may ask about all.",
    "authorization_details_types": "The types of "
    "[authorization details](../how-to/authorization-details.md) that it may ask for.",
    "profile": "The set of rules that it is held to. Where the realm has `require_fapi_ciba`, "
    "`fapi-ciba` is the default.",
    "issuer_only_audience": "`true`: `aud` of its assertions must be the issuer, and not an "
    "endpoint's address.",
    "hide_unknown_users": "`true`: a hint that names nobody, a locked account, a missing or wrong "
    "user code and a journey that fails are answered like any other request, which runs out, so "
    "that the client cannot find out who has an account.",
    "client_secret": "32 to 200 printable ASCII characters without `%` and `+`. Kept as a digest, "
    "and never exported; for `client_secret_jwt`, itself too, encrypted. The three methods that "
    "begin with `client_secret` need one.",
}
