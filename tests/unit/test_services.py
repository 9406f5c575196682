"""Each server that the tests use starts, answers, stops, and leaves nothing behind."""

import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import redis
import requests
from kombu import Connection

from tests.certificates import certified
from tests.plugin import leave_out
from tests.services import ALL, Chromium, Nginx, PostgreSQL, RabbitMQ, Redis, Service, free_port

pytestmark = [pytest.mark.slow, pytest.mark.only_on("sqlite")]


class Greeting(Nginx):
    """An nginx that has something to say."""

    def __init__(self) -> None:
        tls = "ssl_certificate {folder}/pem; ssl_certificate_key {folder}/key;"
        server = f"listen 127.0.0.1:{{port}} ssl; {tls} return 200 UTF8;"
        itself = certified("CN=localhost", ip=["127.0.0.1"])
        super().__init__(f"server {{ {server} }}", {"pem": itself.pem, "key": itself.key_pem})


def says(service: Service) -> str:
    """One answer that only the right server, doing its work, can give."""
    match service:
        case PostgreSQL():
            with psycopg.connect(service.url) as connection:
                row = connection.execute("SHOW server_encoding").fetchone()
                return str(row and row[0])
        case Redis():
            with redis.Redis.from_url(service.url) as client:
                client.set("word", "UTF8")
                return str(client.get("word"), "ascii")
        case RabbitMQ():
            with Connection(service.url) as connection:
                queue = connection.SimpleQueue("words")
                queue.put("UTF8")
                message = queue.get(timeout=10)
                message.ack()
                queue.close()
                return str(message.payload)
        case Greeting():
            with requests.Session() as session:
                session.trust_env = False
                return session.get(service.url, verify=f"{service.folder}/pem", timeout=10).text
        case _:
            raise NotImplementedError(service.name)


def processes_of(folder: Path) -> list[str]:
    """Command lines that name the folder, or that run in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            place = (process / "cwd").readlink()
        except OSError:
            continue  # it has just ended
        if str(folder) in command or place.is_relative_to(folder):
            found.append(command)
    return found


def left_behind(folder: Path) -> list[str]:
    """Those that do not end by themselves: Erlang's helpers do when their pipe closes."""
    end = time.monotonic() + 20
    while (found := processes_of(folder)) and time.monotonic() < end:
        time.sleep(0.05)
    return found


@pytest.fixture(params=[*ALL, Greeting], ids=lambda kind: kind.name)
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    kind: type[Service] = request.param
    if reason := kind.missing():
        leave_out(reason)
    if not Path("/proc/self/cmdline").exists():
        leave_out("no /proc to look for leftover processes in")
    with kind() as service:
        yield service


def test_a_service_answers_and_leaves_nothing_behind(service: Service) -> None:
    folder, port = service.folder, service.port
    assert says(service) == "UTF8"
    assert processes_of(folder)
    service.stop()
    assert left_behind(folder) == []
    assert not folder.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_service_comes_back_on_its_port_after_a_crash(service: Service) -> None:
    url = service.url
    service.shut_down(immediate=True)
    assert left_behind(service.folder) == []
    service.resume()
    assert service.url == url
    assert says(service) == "UTF8"


def test_two_of_a_kind_live_side_by_side(service: Service) -> None:
    with type(service)() as other:
        assert other.url != service.url
        assert says(other) == says(service) == "UTF8"


def test_a_frozen_redis_keeps_silent_until_it_is_thawed(redis_server: Redis) -> None:
    with redis.Redis.from_url(redis_server.url, socket_timeout=0.3) as client:
        assert client.ping()
        with redis_server.frozen(), pytest.raises(redis.exceptions.TimeoutError):
            client.ping()
        assert client.ping()


def test_a_frozen_postgresql_answers_nobody_until_it_is_thawed(
    postgresql_server: PostgreSQL,
) -> None:
    with (
        psycopg.connect(postgresql_server.url, autocommit=True) as connection,
        ThreadPoolExecutor(1) as pool,
    ):
        with postgresql_server.frozen():
            answer = pool.submit(connection.execute, "SELECT 1")
            with pytest.raises(TimeoutError):
                answer.result(timeout=0.3)
        assert answer.result(timeout=10).fetchone() == (1,)


def test_postgresql_loses_its_clients_at_a_word(postgresql_server: PostgreSQL) -> None:
    with psycopg.connect(postgresql_server.url) as connection:
        postgresql_server.kill_connections()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_committed_rows_survive_a_crash_of_a_durable_postgresql() -> None:
    if reason := PostgreSQL.missing():
        leave_out(reason)
    with PostgreSQL(durable=True) as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
        server.restart(immediate=True)
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT number FROM kept").fetchall() == [(1,)]


def test_chromium_renders_a_page(chromium: Path, tmp_path: Path) -> None:
    page = "data:text/html,<p id=p></p><script>p.textContent=6*7</script>"
    command = [
        str(chromium),
        "--headless",
        *Chromium.arguments(),
        f"--user-data-dir={tmp_path}",
        "--dump-dom",
        page,
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert '<p id="p">42</p>' in done.stdout


def test_a_free_port_is_free() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
