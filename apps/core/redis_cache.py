"""Django's Redis cache that answers like an empty cache while Redis does not answer.

django-redis with IGNORE_EXCEPTIONS returns None for add(), which allauth understands as a lock of another request: it
then answers 429 to each sign-in.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 1.0
PAUSE_SECONDS = 5.0  # after a failure; else each operation of a page would wait for the timeout
OPTIONS = {
    "socket_timeout": TIMEOUT_SECONDS,
    "socket_connect_timeout": TIMEOUT_SECONDS,
    "retry": Retry(NoBackoff(), 1, (RedisConnectionError,)),  # Redis closes idle connections
}
# What each operation returns while Redis does not answer.
FALLBACKS: dict[str, Callable[..., Any]] = {
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
_paused_until: dict[tuple[str, ...], float] = {}  # servers: time.monotonic(); shared by all threads


class ForgivingRedisCacheClient(RedisCacheClient):
    _servers: list[str]


class ForgivingRedisCache(RedisCache):
    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, {**params, "OPTIONS": {**OPTIONS, **params.get("OPTIONS", {})}})
        self._class = ForgivingRedisCacheClient


def _with_fallback(name: str, fallback: Callable[..., Any]) -> Callable[..., Any]:
    operation = getattr(RedisCacheClient, name)

    def forgiving(self: ForgivingRedisCacheClient, *arguments: Any) -> Any:
        servers = tuple(self._servers)
        if time.monotonic() < _paused_until.get(servers, 0):
            return fallback(*arguments)
        try:
            return operation(self, *arguments)
        except RedisError as error:
            _paused_until[servers] = time.monotonic() + PAUSE_SECONDS
            logger.error("The cache does not answer (%s); continuing without it", error)
            return fallback(*arguments)

    return forgiving


for _name, _fallback in FALLBACKS.items():
    setattr(ForgivingRedisCacheClient, _name, _with_fallback(_name, _fallback))
