"""`make soak`, `make drill-kill` and `make drill`: the long versions of tests/soak, for the night.

    python scripts/run_soak.py soak|kill|restore

From the environment: SCHEDULES=10000 how many random schedules, SEED=123 plays the one again that a failure named
(and makes it small), DATABASE_URL=postgres://… does it on PostgreSQL; CHECKOUTS=200 and KILLS=40 are the drill's.
"""

import os
import secrets
import sys

from environment import DEV, NEUTRAL, PYTHON, ensure, run
from throwaway import servers

PYTEST = (PYTHON, "-m", "pytest", "-v", "--no-header", "-p", "no:cacheprovider")


def main() -> None:
    ensure(DEV)
    os.environ.update(NEUTRAL)
    raise SystemExit({"soak": _soak, "kill": _kill, "restore": _restore}[sys.argv[1]]())


def _soak() -> int:
    """Every line of the output is 50 schedules and names their seed."""
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


def _restore() -> int:
    """On SQLite, then on a throwaway PostgreSQL."""
    test = "tests/soak/test_restore_drill.py"
    with servers() as environment:
        return run(*PYTEST, test) or run(*PYTEST, test, env={**os.environ, **environment})


if __name__ == "__main__":
    main()
