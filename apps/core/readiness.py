"""The checks of /readyz. An app adds its own in ready(): `register_check`, `register_details`."""

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
    """Add a check, which returns "ok" or what to do. /readyz answers 503 unless all checks are "ok"."""
    CHECKS[name] = check


def register_details(name: str, details: Details) -> None:
    """Add values that staff see and that do not change the status of /readyz."""
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
    """Read back a value: an unreachable cache answers like an empty one."""
    value = uuid4().hex
    cache.set("readyz", value, 60)
    return "ok" if cache.get("readyz") == value else "unreachable: pages are slower, rate limits are off"


def check_worker() -> str:
    return "silent: is manage.py db_worker running?" if is_worker_silent() else "ok"


register_check("database", check_database)
register_check("migrations", check_migrations)
register_check("cache", check_cache)
register_check("worker", check_worker)
