"""What the reference says and no declaration in the code does: who says an error, what to do."""

from dataclasses import dataclass
from typing import Final

EVERYWHERE: Final = ("every endpoint",)
ASK: Final = "bc-authorize"
TOKEN: Final = "access_token"
USERINFO: Final = "userinfo"
OWN_API: Final = "your own API"
REGISTER: Final = "register"
REVOKE: Final = "token/revoke"


@dataclass(frozen=True)
class ErrorProse:
    """Which endpoints say it, and what a relying party's developer does about it."""

    said_by: tuple[str, ...]
    what_to_do: str


ERROR_PROSE: Final[dict[str, ErrorProse]] = {
    "invalid_request": ErrorProse(
        (ASK, TOKEN, USERINFO, OWN_API),
        "Read `error_description`: it names the parameter and the rule. Bodies are "
        "`application/x-www-form-urlencoded` in UTF-8, each parameter once. A signed request "
        "carries every parameter inside; beside it stands client authentication alone. The same "
        "code comes with 404 for a realm that does not exist, and with 405 for a method that an "
        "endpoint does not take.",
    ),
    "invalid_client": ErrorProse(
        (ASK, TOKEN),
        "Authenticate by the method that the client is registered for, and by that one only. "
        "Compare the secret, or the key, `aud`, `exp` and `jti` of the assertion: an assertion "
        "lives at most 30 minutes, and its `jti` is good once. The description of a wrong secret "
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
        "Ask the user for the code that they set on their device, and send it as `user_code`.",
    ),
    "invalid_user_code": ErrorProse(
        (ASK,),
        "Ask the user again. After too many wrong codes in a row the code is locked for a while "
        "([USER_CODE_LOCKOUT](settings.md#user_code_lockout)), and the right one is refused too.",
    ),
    "invalid_binding_message": ErrorProse(
        (ASK,),
        "Send 1 to 100 characters that begin with a letter, a number or a punctuation mark "
        "(currency signs count), without line breaks, control characters, bidirectional overrides "
        "or invisible characters.",
    ),
    "invalid_authorization_details": ErrorProse(
        (ASK,),
        "Send `authorization_details` as a JSON array of objects, each with a `type` that discovery "
        "lists and the client is registered for, and of the form that the description asks for.",
    ),
    "invalid_target": ErrorProse(
        (ASK, TOKEN),
        "Name resources that the realm knows ([RESOURCES](settings.md#resources)) as absolute URIs; "
        "at the token endpoint, none that the authentication request did not name.",
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
        (ASK, TOKEN),
        "Stop. From the token endpoint: the user denied, let the prompt run out, or an operator "
        "withdrew the request. From `bc-authorize`: the user's account is locked, or the journey "
        "ended before anybody could be asked. Ask again only when the user wants it.",
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
        (TOKEN,),
        "Nobody answered in time. Start a new authentication request, if the user still wants it.",
    ),
    "invalid_grant": ErrorProse(
        (TOKEN,),
        "Use each `auth_req_id` and each refresh token once, with the client that it was given "
        "to. A second use ends every token that the first one gave, since one of the two users "
        "of it is a thief: start a new authentication request.",
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
        (USERINFO, OWN_API),
        "Get a new access token with the refresh token, or by a new authentication request. Send "
        "it as `Authorization: Bearer` and nowhere else.",
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
        (REGISTER,),
        "The description names the member and the rule. Nothing was registered or changed.",
    ),
    "unsupported_token_type": ErrorProse(
        (REVOKE,),
        "Send an access token or a refresh token of this provider.",
    ),
    "server_error": ErrorProse(
        EVERYWHERE,
        "Try again later. To the operator: the log of `django_ciba.endpoints` says what happened.",
    ),
    "temporarily_unavailable": ErrorProse(
        EVERYWHERE,
        "Try again after the seconds that `Retry-After` says. To the operator: the database does "
        "not answer.",
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
    "clients": "A list of [clients](#members-of-a-client).",
}

CLIENT_MEMBERS: Final[dict[str, str]] = {
    "client_id": "The client's name, unique in its realm: letters, digits, `. _ ~ : / -`. Every "
    "client needs one.",
    "client_name": "What users read when they are asked. Without it, they read the `client_id`.",
    "enabled": "`false` refuses the client, and the tokens that it has, everywhere.",
    "token_endpoint_auth_method": "How the client proves who it is; the only way that is taken.",
    "token_endpoint_auth_signing_alg": "The one algorithm of its assertions (`private_key_jwt`). "
    "Left out: any that its keys allow.",
    "scope": "What it may ask for: words with one space between them, `openid` among them.",
    "grant_types": "What it may send to the token endpoint. Without `refresh_token` it gets none.",
    "jwks": "Its public keys, as a JWK Set. Excludes `jwks_uri`.",
    "jwks_uri": "Where it publishes its public keys; `https`. Excludes `jwks`.",
    "backchannel_token_delivery_mode": "How it learns of the answer.",
    "backchannel_authentication_request_signing_alg": "The one algorithm of its signed requests. "
    "Left out: any that its keys allow.",
    "backchannel_user_code_parameter": "`true`: it must send `user_code` for users who have set "
    "one.",
    "require_signed_request_object": "`false`: it may send its parameters unsigned.",
    "id_token_signed_response_alg": "What its ID tokens are signed with; one of the realm's "
    "`signing_algs`.",
    "profile": "The set of rules that it is held to.",
    "issuer_only_audience": "`true`: `aud` of its assertions must be the issuer, and not an "
    "endpoint's address.",
    "hide_unknown_users": "`true`: a hint that names nobody, a locked account, a missing or wrong "
    "user code and a journey that fails are answered like any other request, which runs out, so "
    "that the client cannot find out who has an account.",
    "client_secret": "32 to 200 printable ASCII characters without `%` and `+`. Kept as a digest, "
    "and never exported. `client_secret_basic` and `client_secret_post` need one.",
}
