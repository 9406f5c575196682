"""An address on loopback where a relying party publishes its keys, and which counts who asks."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.loopback_server import LoopbackServer, respond

Answer = Callable[[BaseHTTPRequestHandler], None]

__all__ = ["JwksServer", "respond"]


class JwksServer(LoopbackServer):
    """Serves `document` at every path, or whatever `answer` writes instead."""

    path = "/keys"

    def __init__(self, *keys: dict[str, Any]) -> None:
        super().__init__()
        self.document: Any = {"keys": list(keys)}
        self.answer: Answer | None = None
        self.asked: list[str] = []

    def publish(self, *keys: dict[str, Any]) -> None:
        self.document = {"keys": list(keys)}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                if outer.answer is not None:
                    outer.answer(self)
                else:
                    respond(self, json.dumps(outer.document).encode())

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        return Handler
