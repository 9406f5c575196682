"""The embedded broker: a worker never finds a message that is not whole."""

import json
import threading
from pathlib import Path
from typing import Any

import kombu
import pytest
from kombu.transport import filesystem, virtual
from kombu.utils.json import loads

TRANSPORT = "testproject.broker:Transport"
LONG = "x" * 1_000_000


class Folders:
    def __init__(self, folder: Path) -> None:
        self.messages, self.control = folder / "messages", folder / "control"
        self.messages.mkdir()
        self.control.mkdir()

    def connection(self) -> kombu.Connection:
        folders = {
            "data_folder_in": str(self.messages),
            "data_folder_out": str(self.messages),
            "control_folder": str(self.control),
        }
        return kombu.Connection("filesystem://", transport=TRANSPORT, transport_options=folders)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    # kombu keeps what is declared for the whole process.
    state = virtual.BrokerState()
    monkeypatch.setattr(filesystem.Transport, "global_state", state)
    return Folders(tmp_path)


def test_what_is_published_is_received_in_order_and_once(folders: Folders) -> None:
    with folders.connection() as connection:
        queue = connection.SimpleQueue("celery")
        for number in range(3):
            queue.put({"number": number})
        received = []
        for _ in range(3):
            message = queue.get(timeout=5)
            message.ack()
            received.append(message.payload["number"])
        assert received == [0, 1, 2]
        assert queue.qsize() == 0
    assert list(folders.messages.iterdir()) == []
    assert [each.suffix for each in folders.control.iterdir()] == [".exchange"]


def test_a_message_has_its_name_when_it_is_whole(folders: Folders) -> None:
    """As celery/kombu#1551: whoever looks at any moment reads all of it or does not see it."""
    broken: list[str] = []
    seen: set[str] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            for path in folders.messages.iterdir():
                text = path.read_text()
                seen.add(path.name)
                try:
                    json.loads(text)
                except ValueError:
                    broken.append(f"{path.name}: {len(text)} characters")
                path.unlink()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with folders.connection() as connection:
            queue = connection.SimpleQueue("celery")
            for _ in range(40):
                queue.put(LONG)
    finally:
        over.set()
        watcher.join()
    assert seen
    assert broken == []


def test_a_table_of_queues_is_read_at_any_moment(folders: Folders) -> None:
    """The first to bind a queue makes the table, where another may read it already."""
    read: list[Any] = []
    bind = filesystem.Channel._queue_bind

    def look_first(channel: Any, exchange: str, *rest: str) -> None:
        read.append(loads((channel.control_folder / f"{exchange}.exchange").read_text()))
        bind(channel, exchange, *rest)

    with pytest.MonkeyPatch.context() as patch, folders.connection() as connection:
        patch.setattr(filesystem.Channel, "_queue_bind", look_first)
        connection.SimpleQueue("celery").put({})
        connection.SimpleQueue("another").put({})
        assert connection.SimpleQueue("celery").qsize() == 1
    assert read[0] == []
