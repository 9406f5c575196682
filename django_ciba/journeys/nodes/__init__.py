"""One file a node."""

from django_ciba.journeys.node import Node
from django_ciba.journeys.nodes.platform_username import PlatformUsername
from django_ciba.journeys.nodes.polling_wait import PollingWait
from django_ciba.journeys.nodes.push_result_verifier import PushResultVerifier
from django_ciba.journeys.nodes.push_sender import PushSender

OWN_NODES: tuple[type[Node], ...] = (PlatformUsername, PushSender, PushResultVerifier, PollingWait)
