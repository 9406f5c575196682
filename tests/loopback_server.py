"""A real HTTP server on loopback; sites' own tests have it too."""

from django_ciba.testing.loopback_server import LoopbackServer, respond

__all__ = ["LoopbackServer", "respond"]
