"""Checks of /readyz. Apps add theirs in ready(): `register_check`, `register_details`."""

from collections.abc import Callable
from uuid import uuid4

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from apps.core.tasks import is_worker_silent

Check = Callable[[], str]
Details = Callable[[], dict[str, object]]
CHECKS: dict[str, Check] = {}
DETAILS: dict[str, Details] = {}


def register_check(name: str, check: Check) -> None:
    """Add a function that returns "ok", or what is wrong. /readyz returns 503 unless all checks return "ok"."""
    CHECKS[name] = check


def register_details(name: str, details: Details) -> None:
    """Add a function that returns values for staff in /readyz. They do not change its status code."""
    DETAILS[name] = details


def run_checks() -> dict[str, str]:
    results = {}
    for name, check in CHECKS.items():
        try:
            results[name] = check()
        except DatabaseError:
            results[name] = "unknown: the database does not answer"
    return results


def check_database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "unreachable"
    return "ok"


def check_migrations() -> str:
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return "pending: run manage.py migrate" if pending else "ok"


def check_cache() -> str:
    # Write and read a value, because FallbackRedisCache raises no error.
    value = uuid4().hex
    cache.set("readyz", value, 60)
    return "ok" if cache.get("readyz") == value else "unreachable: pages are slower, rate limits are off"


def check_worker() -> str:
    return "silent: start manage.py db_worker" if is_worker_silent() else "ok"


CHECKS |= {
    "database": check_database,
    "migrations": check_migrations,
    "cache": check_cache,
    "worker": check_worker,
}
