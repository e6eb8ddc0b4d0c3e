"""`make e2e` and `make e2e-stripe`: run the browser tests.

HEADED=1 shows the browser, SLOWMO=ms slows it down, K=expression selects tests. `run_e2e.py stripe` runs the tests with
the mark `stripe` against Stripe's test mode, with the test key of .env. They are headed, because Stripe refuses
headless browsers. Without a display they use xvfb.
"""

import os
import shutil
import sys

import dotenv
from environment import IN_PARALLEL, PYTHON, TEST_VARIABLES, ensure_with_browser, run, stop

STRIPE_PORT = 8001
# Pytest-playwright writes them to test-results/.
PYTEST_ARTIFACTS = ["--tracing", "retain-on-failure", "--screenshot", "only-on-failure"]
LISTEN = f"stripe listen --forward-to http://127.0.0.1:{STRIPE_PORT}/webhooks/stripe/"
WITH_WEBHOOK = f"The webhook test needs this in a second terminal: {LISTEN}"
WITHOUT_WEBHOOK = f"""The webhook test is skipped. To run it, start this in a second terminal:
  {LISTEN}
and set STRIPE_WEBHOOK_SECRET in .env to the whsec_… that it prints."""


def main() -> None:
    against_stripe = sys.argv[1:] == ["stripe"]
    keys = _test_keys() if against_stripe else {}
    ensure_with_browser()
    raise SystemExit(_run_with_stripe(keys) if against_stripe else _run_with_sandbox())


def _run_with_sandbox() -> int:
    headed = os.environ.get("HEADED", "0") not in ("", "0")
    os.environ.update(TEST_VARIABLES)
    workers = ("-n", "0") if headed else IN_PARALLEL
    return run(PYTHON, "-m", "pytest", "tests/e2e", *workers, *_pytest_options(headed=headed))


def _run_with_stripe(keys: dict[str, str]) -> int:
    print(f"Testing against Stripe's test mode, with the shop at http://127.0.0.1:{STRIPE_PORT}/")
    print(WITH_WEBHOOK if keys["STRIPE_WEBHOOK_SECRET"] else WITHOUT_WEBHOOK, flush=True)
    display = _display_command()
    os.environ.update(TEST_VARIABLES | keys, E2E_STRIPE="1")
    options = [f"--liveserver=127.0.0.1:{STRIPE_PORT}", "-m", "stripe", "-n", "0"]
    excluded = "" if keys["STRIPE_WEBHOOK_SECRET"] else "not webhook"
    return run(
        *display,
        PYTHON,
        "-m",
        "pytest",
        "tests/e2e",
        *options,
        *_pytest_options(headed=True, excluded=excluded),
    )


def _pytest_options(*, headed: bool, excluded: str = "") -> list[str]:
    slowmo, selected = os.environ.get("SLOWMO", ""), os.environ.get("K", "")
    expression = " and ".join(filter(None, (selected and f"({selected})", excluded)))
    return [
        *PYTEST_ARTIFACTS,
        *(["--headed"] if headed else []),
        *(["--slowmo", slowmo] if slowmo else []),
        *(["-k", expression] if expression else []),
    ]


def _test_keys() -> dict[str, str]:
    """Return Stripe's keys from the environment or .env. Exit if the secret key is not a test key."""
    values = {name: value.strip() for name, value in {**dotenv.read(), **os.environ}.items()}
    key = values.get("STRIPE_SECRET_KEY", "")
    if "_live_" in key:
        stop("STRIPE_SECRET_KEY is a live key, and these tests buy products. Use a test key (sk_test_…).")
    if not key.startswith(("sk_test_", "rk_test_")):
        stop(
            "There is no test key. Add STRIPE_SECRET_KEY=sk_test_… to .env (dashboard.stripe.com/test/apikeys)."
        )
    return {name: values.get(name, "") for name in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET")}


def _display_command() -> list[str]:
    """Return the prefix of a command that needs a display: xvfb-run, or [] if there is a display."""
    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return []
    if not shutil.which("xvfb-run"):
        stop("There is no display and no xvfb-run. Install it (Debian: apt install xvfb), then try again.")
    return ["xvfb-run", "--auto-servernum", "--server-args=-screen 0 1400x1000x24"]


if __name__ == "__main__":
    main()
