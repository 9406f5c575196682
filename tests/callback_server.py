"""A relying party's notification endpoint that answers as no good one would."""

import os
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler

from django_ciba.testing.callback_server import Answer, CallbackServer, Received, status

__all__ = [
    "Answer",
    "CallbackServer",
    "Received",
    "not_http",
    "reset",
    "silence",
    "slow_body",
    "slow_drip",
    "status",
]

DRIP_SECONDS = 0.05


def reset(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
    """The connection is torn down by RST, with no answer."""
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    os.close(handler.connection.detach())


def silence(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
    """Never answers."""
    over.wait(30)


def slow_drip(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
    """Octet by octet, and never through with its head."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    _drip(handler, over)


def slow_body(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
    """Says 200 at once, and then drips a body that has no end."""
    handler.send_response(200)
    handler.end_headers()
    _drip(handler, over)


def _drip(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
    while not over.wait(DRIP_SECONDS):
        handler.wfile.write(b"x")
        handler.wfile.flush()


def not_http(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
