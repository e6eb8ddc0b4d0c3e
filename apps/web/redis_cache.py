"""Django's Redis cache that a shop survives: while Redis is gone nothing is remembered, and every page works.

Rate limits count nothing meanwhile; /readyz says so, because what it puts in does not come out again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import RedisError
from redis.retry import Retry

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 1.0  # a page asks a few times; it must not hang for longer than people wait
PAUSE_SECONDS = 5.0  # after a failure nobody asks for so long
_away_until: dict[tuple[str, ...], float] = {}  # servers ▶ time.monotonic(); shared by all threads


class Client(RedisCacheClient):
    _servers: list[str]

    def __init__(self, servers: list[str], **options: Any) -> None:
        # One more try at once: a connection that Redis closed in its sleep is no outage.
        patience = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
        retry = Retry(NoBackoff(), 1, (NoConnection,))
        super().__init__(servers, **{"retry": retry, **patience, **options})


class ForgivingRedisCache(RedisCache):
    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = Client


# What each operation answers while Redis is gone: as an empty cache would, and whoever asks first may go on.
ANSWERS: dict[str, Callable[..., Any]] = {
    "add": lambda key, value, timeout: True,
    "get": lambda key, default: default,
    "set": lambda key, value, timeout: None,
    "touch": lambda key, timeout: False,
    "delete": lambda key: False,
    "get_many": lambda keys: {},
    "has_key": lambda key: False,
    "incr": lambda key, delta: delta,
    "set_many": lambda data, timeout: None,
    "delete_many": lambda keys: None,
    "clear": lambda: False,
}


def _forgiving(name: str, answer: Callable[..., Any]) -> Callable[..., Any]:
    ask = getattr(RedisCacheClient, name)

    @wraps(ask)
    def operation(self: Client, *arguments: Any) -> Any:
        servers = tuple(self._servers)
        if time.monotonic() < _away_until.get(servers, 0):
            return answer(*arguments)
        try:
            return ask(self, *arguments)
        except RedisError as error:
            _away_until[servers] = time.monotonic() + PAUSE_SECONDS
            logger.error("The cache does not answer (%s); going on without it", error)
            return answer(*arguments)

    return operation


for _name, _answer in ANSWERS.items():
    setattr(Client, _name, _forgiving(_name, _answer))
