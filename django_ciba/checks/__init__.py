"""System checks: what a careless site has left open, and what to do about it.

`CHECKS` is the one declaration: Django runs what stands here, and docs/reference is written from
it. Ids are public: sites put them into SILENCED_SYSTEM_CHECKS, so a number is never used again.
"""

from typing import Final

from django_ciba.checks import (
    answering,
    client_certificates,
    declared_settings,
    deployment,
    device_api,
    device_app,
    host_site,
    prompt_channels,
    stored_rows,
)
from django_ciba.checks.check import Check

__all__ = ["CHECKS", "Check", "register"]

CHECKS: Final[tuple[Check, ...]] = (
    # Always: `manage.py check`, and before runserver, migrate and most commands.
    Check(
        id="django_ciba.E001",
        title="ISSUER is missing or malformed",
        hint="Set DJANGO_CIBA['ISSUER'] to the public address at which django_ciba.urls is "
        "mounted, without a final slash, as 'https://op.example.com/oauth2'.",
        find=declared_settings.malformed_issuer,
    ),
    Check(
        id="django_ciba.E002",
        title="DJANGO_CIBA holds a name that is no setting",
        hint="Correct the spelling in DJANGO_CIBA, or remove the name: a setting that nobody "
        "reads protects nothing. Names are written in capitals.",
        find=declared_settings.unknown_settings,
    ),
    Check(
        id="django_ciba.E003",
        title="A setting has a wrong value",
        hint="Correct the value in DJANGO_CIBA, or remove it to get the default.",
        find=declared_settings.wrong_values,
    ),
    Check(
        id="django_ciba.E004",
        title="A setting cannot be used, or contradicts another one",
        hint="Change one of the settings named, in DJANGO_CIBA. One that is not written there has "
        "its default.",
        find=declared_settings.contradictions,
    ),
    Check(
        id="django_ciba.E005",
        title="USE_TZ is False",
        hint="Set USE_TZ = True.",
        find=declared_settings.no_time_zones,
    ),
    Check(
        id="django_ciba.E006",
        title="HOOKS cannot be used",
        hint="Set DJANGO_CIBA['HOOKS'] to the dotted path of a subclass of "
        "django_ciba.hooks.CibaHooks, or remove it to get that class itself.",
        find=host_site.unusable_hooks,
    ),
    Check(
        id="django_ciba.E007",
        title="LOGIN_HINT_FIELDS names a field that the user model lacks",
        hint="Put names of fields of AUTH_USER_MODEL itself, or 'pk', into "
        "DJANGO_CIBA['LOGIN_HINT_FIELDS']; what lies in another model is found by a find_user of "
        "your own (DJANGO_CIBA['HOOKS']).",
        find=host_site.unknown_hint_fields,
    ),
    Check(
        id="django_ciba.E008",
        title="PROMPT_CHANNELS names a channel that cannot be used",
        hint="Put 'email', 'webpush', 'fcm', 'apns', 'sms', 'console', or dotted paths of "
        "subclasses of django_ciba.prompts.Channel into DJANGO_CIBA['PROMPT_CHANNELS'].",
        find=host_site.unusable_channels,
    ),
    Check(
        id="django_ciba.E009",
        title="JOURNEY_NODES names a node that cannot be used",
        hint="Put dotted paths of subclasses of django_ciba.journeys.Node, each with a type of "
        "its own, into DJANGO_CIBA['JOURNEY_NODES'].",
        find=host_site.unusable_nodes,
    ),
    Check(
        id="django_ciba.E010",
        title="The URLconf is not included",
        hint="Add path('oauth2/', include('django_ciba.urls')) to the module that ROOT_URLCONF "
        "names.",
        find=host_site.missing_urls,
    ),
    Check(
        id="django_ciba.E011",
        title="Settings of client certificates contradict each other",
        hint="Set CLIENT_CERTIFICATE_HEADER, CLIENT_CERTIFICATE_FORMAT and TRUSTED_PROXIES in "
        "DJANGO_CIBA together, and CLIENT_CERTIFICATE_VERIFIED_HEADER and MTLS_ENDPOINTS only "
        "beside them.",
        find=client_certificates.contradictions,
    ),
    Check(
        id="django_ciba.E020",
        title="A channel of PROMPT_CHANNELS needs a package",
        hint="Install the extra that the message names, or take the channel out of "
        "DJANGO_CIBA['PROMPT_CHANNELS'].",
        find=prompt_channels.missing_packages,
    ),
    Check(
        id="django_ciba.E021",
        title="Web push is not set up",
        hint="Run manage.py ciba_webpush_key and put the two lines that it prints into "
        "DJANGO_CIBA, with an address of yours as the contact.",
        find=prompt_channels.web_push_not_set_up,
    ),
    Check(
        id="django_ciba.E022",
        title="Push to the site's own app is not set up",
        hint="For 'fcm', name the JSON file of a service account's key in "
        "DJANGO_CIBA['FCM_SERVICE_ACCOUNT']. For 'apns', set APNS_KEY_FILE, APNS_KEY_ID, "
        "APNS_TEAM_ID and APNS_TOPIC in DJANGO_CIBA together.",
        find=prompt_channels.app_push_not_set_up,
    ),
    Check(
        id="django_ciba.E023",
        title="Text messages are not set up",
        hint="Set DJANGO_CIBA['SMS_BACKEND'] to the dotted path of a subclass of "
        "django_ciba.prompts.sms.SmsBackend.",
        find=prompt_channels.text_messages_not_set_up,
    ),
    Check(
        id="django_ciba.E024",
        title="STEP_UP cannot be used",
        hint="Set DJANGO_CIBA['STEP_UP'] to the dotted path of a subclass of "
        "django_ciba.authentication_device.step_up.StepUp, or remove it to get PasswordStepUp.",
        find=answering.unusable_step_up,
    ),
    Check(
        id="django_ciba.E025",
        title="No browser would use a passkey",
        hint="Make DJANGO_CIBA['PASSKEY_RP_ID'] the domain of the authentication device or a "
        "domain above it, and write DJANGO_CIBA['PASSKEY_ORIGINS'] as https://op.example.com, "
        "without a path. Both have defaults out of DEVICE_URL, or of ISSUER.",
        find=answering.passkeys_of_another_domain,
    ),
    Check(
        id="django_ciba.E026",
        title="The library for passkeys is missing",
        hint="pip install 'django-ciba[passkeys]', or remove the settings of passkeys from "
        "DJANGO_CIBA.",
        find=answering.passkeys_without_library,
    ),
    Check(
        id="django_ciba.E027",
        title="The device's API has settings, and is not included",
        hint="Add path('ciba/api/', include('django_ciba.authentication_device.api.urls')) before "
        "path('ciba/', ...) in the module that ROOT_URLCONF names, or remove these settings from "
        "DJANGO_CIBA.",
        find=device_api.settings_without_api,
    ),
    Check(
        id="django_ciba.W001",
        title="ISSUER does not lead to the URLconf",
        hint="Make the end of the path of DJANGO_CIBA['ISSUER'] the path at which django_ciba.urls "
        "is included: clients build every address from the issuer. Silence this only if a proxy "
        "rewrites paths.",
        find=host_site.issuer_elsewhere,
    ),
    Check(
        id="django_ciba.W002",
        title="The authentication device is not included",
        hint="Add path('ciba/', include('django_ciba.authentication_device.urls')) to the module "
        "that ROOT_URLCONF names: users answer there. Silence this if they answer on pages of "
        "your own.",
        find=host_site.missing_device,
    ),
    Check(
        id="django_ciba.W003",
        title="Links in prompts do not lead to the authentication device",
        hint="Set DJANGO_CIBA['DEVICE_URL'] to the public address at which "
        "django_ciba.authentication_device.urls is included. Silence this only if a proxy rewrites "
        "paths.",
        find=host_site.device_elsewhere,
    ),
    Check(
        id="django_ciba.W004",
        title="LOGIN_URL leads nowhere",
        hint="Set LOGIN_URL to the path, or to the name of the URL pattern, of the site's login "
        "page, as '/accounts/login/' or 'admin:login': whoever opens a prompt without being signed "
        "in is sent there. Silence this if a web server or a proxy answers that path.",
        find=host_site.login_nowhere,
    ),
    Check(
        id="django_ciba.W021",
        title="SQLite without IMMEDIATE transactions",
        hint='Add "OPTIONS": {"transaction_mode": "IMMEDIATE"} to that entry of DATABASES.',
        find=deployment.sqlite_not_immediate,
    ),
    Check(
        id="django_ciba.W032",
        title="Celery has no broker that a worker can reach",
        hint='Without Celery: add "TASK_RUNNER": "none" to DJANGO_CIBA and run '
        "manage.py ciba_run_due --loop beside the site. With Celery: set its broker_url to Redis "
        "or RabbitMQ, and import your Celery app where Django starts.",
        find=deployment.no_broker,
    ),
    # Only `manage.py check --deploy`.
    Check(
        id="django_ciba.W011",
        title="ISSUER does not begin with https",
        hint="Serve the site by HTTPS and write https:// in DJANGO_CIBA['ISSUER']: OpenID Connect "
        "allows nothing else, and secrets and tokens travel there.",
        find=declared_settings.issuer_without_https,
        deploy=True,
    ),
    Check(
        id="django_ciba.W012",
        title="Outbound calls may reach loopback",
        hint="Remove OUTBOUND_ALLOW_LOOPBACK from DJANGO_CIBA: it is for development and tests.",
        find=declared_settings.open_loopback,
        deploy=True,
    ),
    Check(
        id="django_ciba.W013",
        title="Expired ID tokens are accepted as hints",
        hint="Remove ACCEPT_EXPIRED_ID_TOKEN_HINT from DJANGO_CIBA, or silence this if your "
        "clients cannot get a fresh ID token.",
        find=declared_settings.expired_hints,
        deploy=True,
    ),
    Check(
        id="django_ciba.W014",
        title="Stored secrets are encrypted with SECRET_KEY",
        hint="Set DJANGO_CIBA['ENCRYPTION_KEYS'] to a list with a random secret of its own, say "
        "of secrets.token_urlsafe(32), followed by the SECRET_KEY that encrypted what is stored. "
        "SECRET_KEY can then be replaced without losing the signing keys.",
        find=declared_settings.shared_secret,
        deploy=True,
    ),
    Check(
        id="django_ciba.W015",
        title="ENCRYPTION_KEYS holds a weak secret",
        hint="Put a random secret of at least 32 characters first in "
        "DJANGO_CIBA['ENCRYPTION_KEYS'], say of secrets.token_urlsafe(32), and remove the weak "
        "one when nothing is encrypted with it any more.",
        find=declared_settings.short_secrets,
        deploy=True,
    ),
    Check(
        id="django_ciba.W016",
        title="Prompts are written to standard output",
        hint="Remove 'console' from DJANGO_CIBA['PROMPT_CHANNELS']: it is for development.",
        find=declared_settings.prompts_on_standard_output,
        deploy=True,
    ),
    Check(
        id="django_ciba.W017",
        title="Anybody can register a client",
        hint="Set DJANGO_CIBA['REGISTRATION'] to 'token' and give those who may register an "
        "initial access token (manage.py ciba_client initial-token), or put registration into the "
        "settings of the one realm that is open. Silence this if whoever asks may have users "
        "asked.",
        find=declared_settings.open_registration,
        deploy=True,
    ),
    Check(
        id="django_ciba.W018",
        title="Tokens are pushed",
        hint="Remove PUSH_DELIVERY from DJANGO_CIBA and have clients use ping, put push_delivery "
        "into the settings of the realms that need it, or silence this if every client that is "
        "registered for push owns the address that it has registered.",
        find=declared_settings.pushed_tokens,
        deploy=True,
    ),
    Check(
        id="django_ciba.W020",
        title="Certificate headers are believed from the Internet",
        hint="Name in DJANGO_CIBA['TRUSTED_PROXIES'] only the addresses that your own proxies "
        "connect from, or 'unix' for a proxy that comes by a Unix socket.",
        find=client_certificates.strangers_trusted,
        deploy=True,
    ),
    Check(
        id="django_ciba.I018",
        title="The proxy must clear the headers of client certificates",
        hint="Have every server of the proxies in DJANGO_CIBA['TRUSTED_PROXIES'] set these headers "
        "itself, to an empty value where there is no certificate, and drop what clients send in "
        "them, in either spelling: servers take _ for -. Silence this when they do.",
        find=client_certificates.headers_to_clear,
        deploy=True,
    ),
    Check(
        id="django_ciba.W019",
        title="Under ASGI, a certificate header can be imitated",
        hint="Install the latest patch release of your Django (CVE-2026-3902), or have the proxies "
        "in DJANGO_CIBA['TRUSTED_PROXIES'] refuse headers with an underscore in their name.",
        find=client_certificates.underscores_folded,
        deploy=True,
    ),
    Check(
        id="django_ciba.I022",
        title="SQLite is for development and small sites",
        hint="Use PostgreSQL in DATABASES when more than a few requests a second write. Silence "
        "this if yours is a small site.",
        find=deployment.sqlite_at_all,
        deploy=True,
    ),
    Check(
        id="django_ciba.W023",
        title="The cache is local to each process",
        hint="Set CACHES['default'] to a cache that all workers share, such as Redis. django_ciba "
        "keeps its own limits in the database and loses nothing, but sessions in the cache and "
        "login throttles of other apps, which guard the authentication device, count in each "
        "process apart. Silence this if the site has one process.",
        find=deployment.local_memory_cache,
        deploy=True,
    ),
    Check(
        id="django_ciba.W031",
        title="Celery runs tasks eagerly",
        hint="Remove task_always_eager from Celery's configuration, or set "
        "DJANGO_CIBA['TASK_RUNNER'] to 'none' and run manage.py ciba_run_due --loop.",
        find=deployment.eager_tasks,
        deploy=True,
    ),
    Check(
        id="django_ciba.W033",
        title="The Redis broker has no time limits",
        hint="Set Celery's broker_transport_options to {'socket_timeout': 2, "
        "'socket_connect_timeout': 2}.",
        find=deployment.redis_without_timeouts,
        deploy=True,
    ),
    Check(
        id="django_ciba.W034",
        title="Tasks of a killed worker come back too late",
        hint="Have Celery beat run django_ciba.run_due, which finds what was lost within seconds, "
        "or silence this if manage.py ciba_run_due --loop runs. Lowering visibility_timeout in "
        "Celery's broker_transport_options helps too, but repeats tasks of any app that take "
        "longer.",
        find=deployment.late_redelivery,
        deploy=True,
    ),
    Check(
        id="django_ciba.W035",
        title="Nothing runs what is due",
        hint="Add {'django_ciba.run_due': {'task': 'django_ciba.run_due', 'schedule': 5.0}} to "
        "Celery's beat_schedule and run one beat, or run manage.py ciba_run_due --loop and "
        "silence this. With DJANGO_CIBA['TASK_RUNNER'] = 'none' the loop is needed, and this "
        "check does not look.",
        find=deployment.no_sweep,
        deploy=True,
    ),
    Check(
        id="django_ciba.I036",
        title="Nothing deletes what has ended",
        hint="Add {'django_ciba.cleanup': {'task': 'django_ciba.cleanup', 'schedule': 3600.0}} to "
        "Celery's beat_schedule, or run manage.py ciba_cleanup from cron and silence this. "
        "DJANGO_CIBA['RETENTION'] says how long requests are kept.",
        find=deployment.no_cleanup,
        deploy=True,
    ),
    Check(
        id="django_ciba.W075",
        title="E-mail has no time limit",
        hint="Set EMAIL_TIMEOUT, or the option timeout of the mailer in MAILERS, to less than "
        "DJANGO_CIBA['DELIVERY_LEASE'], as 10.",
        find=prompt_channels.mail_without_time_limit,
        deploy=True,
    ),
    Check(
        id="django_ciba.W080",
        title="An installed device is signed out all the time",
        hint="Remove SESSION_EXPIRE_AT_BROWSER_CLOSE, and let LOGIN_MAX_AGE say how fresh a login "
        "must be to approve.",
        find=device_app.sessions_that_end_with_the_browser,
        deploy=True,
    ),
    Check(
        id="django_ciba.W081",
        title="The device's service worker answers for the whole site",
        hint="In the module that ROOT_URLCONF names, include "
        "django_ciba.authentication_device.urls at a path of its own, as 'ciba/': without a "
        "connection, every page of this host would be the device's offline page.",
        find=device_app.device_at_the_root,
        deploy=True,
    ),
    Check(
        id="django_ciba.W088",
        title="A limit of prompts that protects nobody",
        hint="Lower it in DJANGO_CIBA, or remove it to get the default: whoever knows a user's "
        "name may ask them until they say yes.",
        find=declared_settings.limits_that_protect_nothing,
        deploy=True,
    ),
    Check(
        id="django_ciba.W090",
        title="Apps verify nobody",
        hint="Name in DJANGO_CIBA['DEVICE_API_AMR'] how your app verifies its user before it "
        "signs, as ['fpt', 'face', 'pin']. Silence this if users shall enrol their app anew.",
        find=device_api.no_user_verification,
        deploy=True,
    ),
    Check(
        id="django_ciba.W091",
        title="Apps call by plain http",
        hint="Let DJANGO_CIBA['DEVICE_API_URL'] begin with https://.",
        find=device_api.plain_http,
        deploy=True,
    ),
    Check(
        id="django_ciba.W092",
        title="An authentication method that nobody knows",
        hint="Put names of IANA's registry Authentication Method Reference Values (RFC 8176) into "
        "DJANGO_CIBA['DEVICE_API_AMR']. Silence this if your clients know the name.",
        find=device_api.unregistered_methods,
        deploy=True,
    ),
    Check(
        id="django_ciba.W095",
        title="Second factors that nobody asks for",
        hint="Set DJANGO_CIBA['STEP_UP'] to "
        "'django_ciba.authentication_device.step_up.AllauthStepUp' for allauth.mfa, to "
        "'django_ciba.authentication_device.step_up.OtpStepUp' for django_otp, or to a class of "
        "your own that knows both. Silence this if no user who answers has a second factor there.",
        find=answering.second_factors_not_asked_for,
        deploy=True,
    ),
    # Only `manage.py check --deploy --database default`: Django asks no database unasked.
    Check(
        id="django_ciba.W041",
        title="The database could not be asked",
        hint="Start the database that DATABASES names, run manage.py migrate, and check again: "
        "what depends on stored realms and keys was not looked at.",
        find=stored_rows.unreachable_database,
        deploy=True,
        database=True,
    ),
    Check(
        id="django_ciba.W042",
        title="There is no root realm",
        hint="Add a realm without a parent in the admin, or run manage.py ciba_import with a realm "
        "document.",
        find=stored_rows.no_realm,
        deploy=True,
        database=True,
    ),
    Check(
        id="django_ciba.W043",
        title="A realm lacks a current signing key",
        hint="Run manage.py ciba_keys rotate, save the realm in the admin, or take the algorithm "
        "out of SIGNING_ALGS (DJANGO_CIBA or the realm's settings).",
        find=stored_rows.no_signing_key,
        deploy=True,
        database=True,
    ),
    Check(
        id="django_ciba.E044",
        title="A signing key cannot be decrypted",
        hint="Put the secret that encrypted it back at the end of DJANGO_CIBA['ENCRYPTION_KEYS'] "
        "(or of SECRET_KEY_FALLBACKS, where that list is empty). If it is lost, rotate "
        "(manage.py ciba_keys rotate): a fresh key signs, and the lost one stays published.",
        find=stored_rows.undecryptable_keys,
        deploy=True,
        database=True,
    ),
    Check(
        id="django_ciba.E045",
        title="A realm's settings are wrong",
        hint="Correct the realm's settings in the admin or by manage.py ciba_import.",
        find=stored_rows.wrong_realm_settings,
        deploy=True,
        database=True,
    ),
    Check(
        id="django_ciba.W046",
        title="A realm accepts expired ID tokens as hints",
        hint="Remove accept_expired_id_token_hint from the realm's settings, or silence this if "
        "its clients cannot get a fresh ID token.",
        find=stored_rows.realms_with_expired_hints,
        deploy=True,
        database=True,
    ),
    Check(
        id="django_ciba.W053",
        title="Anybody can register a client in a realm",
        hint="Set registration in the realm's settings to token and give those who may register an "
        "initial access token (manage.py ciba_client initial-token). Silence this if whoever asks "
        "may have users asked.",
        find=stored_rows.realms_open_to_clients,
        deploy=True,
        database=True,
    ),
    Check(
        id="django_ciba.W050",
        title="A realm pushes tokens",
        hint="Remove push_delivery from the realm's settings and have its clients use ping, or "
        "silence this if every client that is registered for push owns the address that it has "
        "registered.",
        find=stored_rows.realms_that_push,
        deploy=True,
        database=True,
    ),
    Check(
        id="django_ciba.W047",
        title="A realm with clients has no default journey",
        hint="Choose the realm's default journey in the admin, or name default_journey in a realm "
        "document for manage.py ciba_import; or put require_mapped_acr into the realm's settings, "
        "where each request must name a mapped value.",
        find=stored_rows.no_default_journey,
        deploy=True,
        database=True,
    ),
    Check(
        id="django_ciba.E051",
        title="A type of authorization details cannot be used",
        hint="Install django-ciba[rar], which brings the library jsonschema, or correct the type's "
        "schema in the admin or by manage.py ciba_import. Requests for details of that type are "
        "answered with server_error until then.",
        find=stored_rows.unusable_details_types,
        deploy=True,
        database=True,
    ),
    Check(
        id="django_ciba.W083",
        title="A journey asks for passkeys, and their library is missing",
        hint="pip install 'django-ciba[passkeys]', or give the journey another way to approve "
        "(manage.py ciba_import, or the admin): what it asks for cannot be done.",
        find=answering.journeys_with_passkeys_without_library,
        deploy=True,
        database=True,
    ),
    Check(
        id="django_ciba.W049",
        title="Nothing rotates a realm's signing keys",
        hint="Add {'django_ciba.rotate_keys': {'task': 'django_ciba.rotate_keys', 'schedule': "
        "3600.0}} to Celery's beat_schedule, or run manage.py ciba_run_due --loop and silence "
        "this. Without KEY_ROTATION, keys are rotated by hand.",
        find=stored_rows.keys_not_rotated,
        deploy=True,
        database=True,
    ),
    Check(
        id="django_ciba.E048",
        title="A realm's issuer is wrong",
        hint="Correct or empty the realm's issuer_override in the admin, or issuer in its document "
        "for manage.py ciba_import.",
        find=stored_rows.wrong_issuers,
        deploy=True,
        database=True,
    ),
    Check(
        id="django_ciba.E052",
        title="A pairwise client without PAIRWISE_SALT",
        hint="Put the secret that the client's subjects were made with back into "
        "DJANGO_CIBA['PAIRWISE_SALT']; if it never had one, say of secrets.token_urlsafe(32). "
        "Without it no request of a client of subject_type pairwise is taken.",
        find=stored_rows.pairwise_without_salt,
        deploy=True,
        database=True,
    ),
    Check(
        id="django_ciba.W054",
        title="A client that its realm refuses",
        hint="Give it profile fapi-ciba, and what that profile needs, by manage.py ciba_import or "
        "in the admin; or disable it.",
        find=stored_rows.clients_without_the_profile,
        deploy=True,
        database=True,
    ),
    Check(
        id="django_ciba.W089",
        title="A realm's limit of prompts protects nobody",
        hint="Lower it in the realm's settings, or remove it to get the site's: whoever knows a "
        "user's name may ask them until they say yes.",
        find=stored_rows.realms_whose_limits_protect_nothing,
        deploy=True,
        database=True,
    ),
    Check(
        id="django_ciba.W093",
        title="Two steps that tell who exists",
        hint="Set hide_unknown_users to false, which promises what two steps cannot keep; or set "
        "two_step_user_code to false; in the admin, or by manage.py ciba_import.",
        find=stored_rows.two_steps_that_tell_who_exists,
        deploy=True,
        database=True,
    ),
    Check(
        id="django_ciba.W094",
        title="Telephone numbers that are not read",
        hint="pip install 'django-ciba[phone]', and set DJANGO_CIBA['PHONE_REGION'] if numbers "
        "without a country code are stored; or silence this where all are stored as msisdn has "
        "them, or hooks.find_user reads them.",
        find=stored_rows.numbers_that_nobody_reads,
        deploy=True,
        database=True,
    ),
)


def register() -> None:
    """Have Django run every check; called when the app is ready."""
    for each in CHECKS:
        each.register()
