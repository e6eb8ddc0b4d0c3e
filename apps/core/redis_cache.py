"""Django's Redis cache, which returns the results of an empty cache while Redis is unreachable.

django-redis with IGNORE_EXCEPTIONS returns None from add(): allauth would then return 429 for each sign-in.
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
PAUSE_SECONDS = 5.0  # after an error; otherwise each operation would wait for the timeout
OPTIONS = {
    "socket_timeout": TIMEOUT_SECONDS,
    "socket_connect_timeout": TIMEOUT_SECONDS,
    "retry": Retry(NoBackoff(), 1, (RedisConnectionError,)),  # Redis closes idle connections
}
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
_paused_until: dict[tuple[str, ...], float] = {}  # servers ▶ time.monotonic() of the next attempt


class FallbackRedisCacheClient(RedisCacheClient):
    _servers: list[str]


class FallbackRedisCache(RedisCache):
    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, {**params, "OPTIONS": {**OPTIONS, **params.get("OPTIONS", {})}})
        self._class = FallbackRedisCacheClient


def _with_fallback(name: str, fallback: Callable[..., Any]) -> Callable[..., Any]:
    method = getattr(RedisCacheClient, name)

    def call(self: FallbackRedisCacheClient, *arguments: Any) -> Any:
        servers = tuple(self._servers)
        if time.monotonic() < _paused_until.get(servers, 0):
            return fallback(*arguments)
        try:
            return method(self, *arguments)
        except RedisError as error:
            _paused_until[servers] = time.monotonic() + PAUSE_SECONDS
            message = "The cache is unreachable (%s). The shop continues without it for %.0f s."
            logger.error(message, error, PAUSE_SECONDS)
            return fallback(*arguments)

    return call


for _name, _fallback in FALLBACKS.items():
    setattr(FallbackRedisCacheClient, _name, _with_fallback(_name, _fallback))
