"""`make soak`, `make drill-kill`, `make drill-faults` and `make drill`: run tests/soak, which takes hours.

Environment variables of soak: SCHEDULES=10000; SEED=123 repeats the schedule of a failure; DATABASE_URL=postgres://…
uses PostgreSQL. Of drill-kill: CHECKOUTS=200, KILLS=40. Of drill-faults: RATE=500 (webhooks per second), SECONDS=60.
"""

import os
import secrets
import sys

from environment import DEV, PYTHON, TEST_VARIABLES, ensure, run
from temporary_servers import servers

PYTEST = (PYTHON, "-m", "pytest", "-v", "--no-header", "-p", "no:cacheprovider")
FAULTS = (
    "tests/soak/test_stripe_hangs.py",
    "tests/soak/test_killed_in_each_step.py",
    "tests/integration/test_stripe_faults.py",
    "tests/integration/test_concurrent_buyers.py",
    "tests/integration/test_background_tasks.py",
    "tests/integration/test_redis_unavailable.py",
)


def main() -> None:
    ensure(DEV)
    os.environ.update(TEST_VARIABLES)
    raise SystemExit({"soak": _soak, "kill": _kill, "faults": _faults, "restore": _restore}[sys.argv[1]]())


def _soak() -> int:
    """Run random schedules. A line of the output is the result of 10 schedules, with their seed."""
    test = "tests/soak/test_random_orders.py"
    if os.environ.get("SEED") and not os.environ.get("SCHEDULES"):
        return run(*PYTEST, test)
    _set_defaults(SCHEDULES="10000", SEED=str(secrets.randbelow(10**6)))
    return run(*PYTEST, "-n", "auto", "--maxschedchunk", "1", test)


def _kill() -> int:
    _set_defaults(CHECKOUTS="200", KILLS="40")
    return run(*PYTEST, "-s", "tests/soak/test_kill_drill.py")


def _faults() -> int:
    os.environ["EVERY_STEP"] = "1"
    _set_defaults(RATE="500", SECONDS="60")
    failed = _run_on_both_databases(*FAULTS)
    # -s: the test prints its rate
    return _run_on_both_databases("-s", "tests/soak/test_webhook_flood.py") or failed


def _restore() -> int:
    return _run_on_both_databases("tests/soak/test_restore_drill.py")


def _run_on_both_databases(*arguments: str) -> int:
    with servers() as environment:
        failed = run(*PYTEST, *arguments)
        return run(*PYTEST, *arguments, env={**os.environ, **environment}) or failed


def _set_defaults(**defaults: str) -> None:
    os.environ |= {name: os.environ.get(name) or value for name, value in defaults.items()}


if __name__ == "__main__":
    main()
