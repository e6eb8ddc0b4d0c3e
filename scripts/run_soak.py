"""`make soak`, `make drill-kill`, `make drill-faults` and `make drill`: run tests/soak for hours.

    python scripts/run_soak.py soak|kill|faults|restore

Environment variables: SCHEDULES=10000 is the number of random schedules; SEED=123 repeats (and shrinks) the schedule
that a failure named; DATABASE_URL=postgres://… uses PostgreSQL. CHECKOUTS=200 and KILLS=40 belong to drill-kill,
RATE=500 (webhooks per second) and SECONDS=60 to drill-faults.
"""

import os
import secrets
import sys

from environment import DEV, NEUTRAL, PYTHON, ensure, run
from throwaway import servers

PYTEST = (PYTHON, "-m", "pytest", "-v", "--no-header", "-p", "no:cacheprovider")
FAULTS = (
    "tests/soak/test_stripe_hangs.py",
    "tests/soak/test_killed_in_each_step.py",
    "tests/integration/test_stripe_faults.py",
    "tests/integration/test_concurrent_buyers.py",
    "tests/integration/test_background.py",
    "tests/integration/test_redis_unavailable.py",
)


def main() -> None:
    ensure(DEV)
    os.environ.update(NEUTRAL)
    raise SystemExit({"soak": _soak, "kill": _kill, "faults": _faults, "restore": _restore}[sys.argv[1]]())


def _soak() -> int:
    """Each line of the output stands for 50 schedules and names their seed."""
    test = "tests/soak/test_any_order.py"
    if os.environ.get("SEED") and not os.environ.get("SCHEDULES"):
        return run(*PYTEST, test)
    os.environ["SCHEDULES"] = os.environ.get("SCHEDULES") or "10000"
    os.environ["SEED"] = os.environ.get("SEED") or str(secrets.randbelow(10**6))
    return run(*PYTEST, "-n", "auto", "--maxschedchunk", "1", test)


def _kill() -> int:
    os.environ["CHECKOUTS"] = os.environ.get("CHECKOUTS") or "200"
    os.environ["KILLS"] = os.environ.get("KILLS") or "40"
    return run(*PYTEST, "-s", "tests/soak/test_kill_drill.py")


def _faults() -> int:
    os.environ |= {"EVERY_STEP": "1", "RATE": os.environ.get("RATE") or "500"}
    os.environ["SECONDS"] = os.environ.get("SECONDS") or "60"
    failed = _on_both(*FAULTS)
    return _on_both("-s", "tests/soak/test_webhook_flood.py") or failed  # it prints its rate


def _restore() -> int:
    return _on_both("tests/soak/test_restore_drill.py")


def _on_both(*arguments: str) -> int:
    """Run on SQLite, then on a temporary PostgreSQL."""
    with servers() as environment:
        failed = run(*PYTEST, *arguments)
        return run(*PYTEST, *arguments, env={**os.environ, **environment}) or failed


if __name__ == "__main__":
    main()
