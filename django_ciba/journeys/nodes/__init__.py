"""One file a node."""

from typing import Any

from django_ciba.journeys.node import Node
from django_ciba.journeys.nodes.account_active_decision import AccountActiveDecision
from django_ciba.journeys.nodes.email_link_sender import EmailLinkSender
from django_ciba.journeys.nodes.one_time_passcode_sender import OneTimePasscodeSender
from django_ciba.journeys.nodes.one_time_passcode_verifier import OneTimePasscodeVerifier
from django_ciba.journeys.nodes.passkey_verifier import PasskeyVerifier
from django_ciba.journeys.nodes.platform_username import PlatformUsername
from django_ciba.journeys.nodes.polling_wait import PollingWait
from django_ciba.journeys.nodes.push_result_verifier import PushResultVerifier
from django_ciba.journeys.nodes.push_sender import PushSender
from django_ciba.journeys.nodes.retry_limit_decision import RetryLimitDecision
from django_ciba.journeys.nodes.scope_decision import ScopeDecision

OWN_NODES: tuple[type[Node[Any]], ...] = (
    PlatformUsername,
    PushSender,
    PushResultVerifier,
    PollingWait,
    OneTimePasscodeSender,
    OneTimePasscodeVerifier,
    EmailLinkSender,
    PasskeyVerifier,
    ScopeDecision,
    RetryLimitDecision,
    AccountActiveDecision,
)
