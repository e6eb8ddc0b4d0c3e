"""`make test-postgres`: run the tests on a temporary PostgreSQL and Redis. Arguments are those of pytest."""

import os
import sys
import time

from environment import PYTHON, TEST_VARIABLES, ensure_with_browser, run
from run_tests import CHECKS
from temporary_servers import install_missing, servers


def main() -> None:
    started = time.monotonic()
    install_missing()
    ensure_with_browser()
    with servers() as environment:
        os.environ.update(TEST_VARIABLES | environment)
        failed = run(PYTHON, *CHECKS["tests"].split(), *sys.argv[1:])
    print(f"\n{time.monotonic() - started:.0f} s on PostgreSQL and Redis", flush=True)
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
