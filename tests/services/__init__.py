"""Real servers for tests: each on free loopback ports, with its own data, gone afterwards.

They never touch a server that the machine runs by itself, and need no container.
"""

from tests.services.chromium import Chromium
from tests.services.nginx import Nginx
from tests.services.postgresql import PostgreSQL
from tests.services.rabbitmq import RabbitMQ
from tests.services.redis import Redis
from tests.services.service import Service, ServiceError, free_port

ALL: tuple[type[Service], ...] = (PostgreSQL, Redis, RabbitMQ)

__all__ = [
    "ALL",
    "Chromium",
    "Nginx",
    "PostgreSQL",
    "RabbitMQ",
    "Redis",
    "Service",
    "ServiceError",
    "free_port",
]
