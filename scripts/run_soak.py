"""`make soak` and `make drill-kill`: the long versions of tests/soak, for the night.

    python scripts/run_soak.py soak|kill

From the environment: SCHEDULES=10000 how many random schedules, SEED=123 plays the one again that a failure named
(and makes it small), DATABASE_URL=postgres://… does it on PostgreSQL; CHECKOUTS=200 and KILLS=40 are the drill's.
"""

import os
import secrets
import sys

from environment import DEV, NEUTRAL, PYTHON, ensure, run

PYTEST = (PYTHON, "-m", "pytest", "-v", "--no-header", "-p", "no:cacheprovider")


def main() -> None:
    ensure(DEV)
    os.environ.update(NEUTRAL)
    raise SystemExit(_soak() if sys.argv[1] == "soak" else _kill())


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


if __name__ == "__main__":
    main()
