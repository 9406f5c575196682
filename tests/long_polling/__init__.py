"""Held polls, on a real ASGI server."""
