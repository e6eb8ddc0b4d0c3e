"""`make test`: run all CHECKS except SEPARATE ones. `python scripts/run_tests.py style types` runs only these.

All chosen checks run, even if one fails. The exit status is 0 if all pass.
"""

import os
import subprocess
import sys
import time

from environment import DEV, IN_PARALLEL, PYTHON, ROOT, TEST_VARIABLES, ensure, ensure_with_browser, run

CHECKS = {
    "style": "-m ruff check .",
    "format": "-m ruff format --check .",
    "types": "-m mypy apps config packages/stripe-sandbox/src",
    "imports": "scripts/check_imports.py",
    "migrations": "manage.py makemigrations --check --dry-run",
    "tests": f"-m pytest {' '.join(IN_PARALLEL)} --screenshot only-on-failure",
    "sandbox": "-m pytest -c packages/stripe-sandbox/pyproject.toml packages/stripe-sandbox/tests -n 4",
    "soak": "-m pytest tests/soak -n 4 --maxschedchunk 1",  # 4, because these tests wait most of the time
    # A shop's own receivers and fields may need more queries.
    "queries": (
        "-m pytest -n 2 tests/benchmarks/page_queries.py tests/benchmarks/event_queries.py "
        "tests/benchmarks/figures.py tests/benchmarks/find_orders.py"
    ),
}
STATIC = ("style", "format", "types", "imports", "migrations")  # start at the same time
SEPARATE = ("sandbox", "soak", "queries")  # make test-sandbox, make test-soak, make test-queries


def main() -> None:
    started = time.monotonic()
    chosen = sys.argv[1:] or [name for name in CHECKS if name not in SEPARATE]
    ensure_with_browser() if "tests" in chosen else ensure(DEV)
    os.environ.update(TEST_VARIABLES)
    static = {name: start(name) for name in chosen if name in STATIC}
    failed = []
    for name in chosen:
        print(f"\n── {name}", flush=True)
        if name in static:
            print(static[name].communicate()[0], end="", flush=True)
            status = static[name].returncode
        else:
            status = run(PYTHON, *CHECKS[name].split())
        if status:
            failed.append(name)
    print(f"\n{time.monotonic() - started:.0f} s in total", flush=True)
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}")


def start(name: str) -> subprocess.Popen[str]:
    command = [PYTHON, *CHECKS[name].split()]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


if __name__ == "__main__":
    main()
