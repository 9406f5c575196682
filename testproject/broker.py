"""The embedded broker: Celery's messages as files, for a site on one machine and for tests.

kombu writes a message under the name that its worker looks for, and a worker that looks between
the opening of the file and its end reads nothing and dies of that (celery/kombu#1551). Here a file
gets its name when it is whole.
"""

import os
import time
import uuid
from pathlib import Path
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """kombu's, but for how a file comes to be."""

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        # kombu takes them in the order of their names, and knows the queue by what follows the dot.
        name = f"{time.monotonic_ns()}_{uuid.uuid4()}.{queue}.msg"
        self._appears(Path(self.data_folder_out, name), dumps(payload))

    def _queue_bind(self, exchange: str, *binding: Any) -> None:
        table = self.control_folder / f"{exchange}.exchange"
        if not table.exists():
            self._appears(table, "[]")
        super()._queue_bind(exchange, *binding)

    def _appears(self, path: Path, text: str) -> None:
        """That file, whole from its first moment, unless it is there already."""
        unseen = self.control_folder / f"{uuid.uuid4()}.unseen"
        unseen.write_text(text, encoding="utf-8")
        try:
            os.link(unseen, path)
        except FileExistsError:
            pass
        finally:
            unseen.unlink()


class Transport(filesystem.Transport):
    Channel = Channel
