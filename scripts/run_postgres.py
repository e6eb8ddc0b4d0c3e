"""`make test-postgres`: run the tests on a temporary PostgreSQL and Redis.

python scripts/run_postgres.py [pytest arguments]      e.g. tests/integration, -k refund
"""

import os
import sys
import time

from environment import DEV, NEUTRAL, PYTHON, ensure, run
from run_tests import CHECKS
from throwaway import install_missing, servers


def main() -> None:
    started = time.monotonic()
    install_missing()
    ensure(DEV)
    if run(PYTHON, "scripts/browser.py"):
        raise SystemExit(1)
    with servers() as environment:
        os.environ.update(NEUTRAL | environment)
        failed = run(PYTHON, *CHECKS["tests"].split(), *sys.argv[1:])
    print(f"\n{time.monotonic() - started:.0f} s on PostgreSQL and Redis", flush=True)
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
