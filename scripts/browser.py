"""The browser for the browser tests and the screenshots.

    .venv/bin/python scripts/browser.py

finds a browser that starts: E2E_BROWSER, Playwright's Chromium, or one of the system. Without one it runs
`playwright install`, or installs Debian's package. If both fail, it says what to do.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from playwright.sync_api import Error, sync_playwright

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
]
# The same engine without windows needs half the time. Playwright prefers it.
SHELL = "chromium-headless-shell"
SYSTEM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
FOUND = Path(__file__).resolve().parent.parent / ".venv" / ".browser"
INSTALL_SECONDS = 240
HELP = """No browser that starts was found, and none could be installed. Do one of these, then repeat:
  .venv/bin/python -m playwright install --with-deps chromium
  apt install chromium          (Debian, Ubuntu)
  E2E_BROWSER=/path/to/chromium make test"""


class LaunchOptions(TypedDict):
    """The arguments of `chromium.launch`."""

    args: list[str]
    executable_path: str


def launch_options(playwrights_own: str, *, headed: bool = False) -> LaunchOptions:
    """Return options that start the browser found by `ensure`, or the first one on this machine.

    `playwrights_own` is `playwright.chromium.executable_path`. Raise SystemExit if there is no browser.
    """
    asked = headed or os.environ.get("E2E_BROWSER")
    found = [FOUND.read_text()] if FOUND.exists() and not asked else []
    for path in [*found, *_candidates(playwrights_own, headed=headed)]:
        if os.path.exists(path):
            return {"args": ARGS, "executable_path": path}
    sys.exit(HELP)


def ensure() -> None:
    """Write the path of a browser that starts into .venv/.browser. Raise SystemExit if there is none."""
    if _find():
        return
    playwright = [sys.executable, "-m", "playwright", "install", "chromium"]
    _try("Downloading Chromium (playwright install)", playwright)
    if _find():
        return
    root = _as_root()
    if shutil.which("apt-get") and root is not None:
        apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
        _try("Refreshing the package list (apt-get update)", [*apt, "update"])
        install = [*apt, "install", "-y", "--no-install-recommends"]
        _try("Installing Debian's Chromium (apt-get install chromium)", [*install, "chromium"])
        _try(f"Installing its small sister (apt-get install {SHELL})", [*install, SHELL])
        if _find():
            return
    sys.exit(HELP)


def _find() -> bool:
    with sync_playwright() as playwright:
        for path in _candidates(playwright.chromium.executable_path):
            try:
                browser = playwright.chromium.launch(executable_path=path, args=ARGS)
            except Error:
                continue
            print(f"Browser: Chromium {browser.version}", flush=True)
            browser.close()
            FOUND.write_text(path)
            return True
    return False


def _candidates(playwrights_own: str, *, headed: bool = False) -> Iterator[str]:
    if named := os.environ.get("E2E_BROWSER"):
        yield named
        return
    if not headed:
        yield from _shells(playwrights_own)
    yield playwrights_own
    for name in (*SYSTEM, MAC):
        if path := shutil.which(name):
            yield path


def _shells(playwrights_own: str) -> Iterator[str]:
    """…/chromium-1200/chrome-linux/chrome ▶ …/chromium_headless_shell-1200/chrome-linux/headless_shell; or Debian's."""
    folder = next((part for part in Path(playwrights_own).parents if part.name.startswith("chromium-")), None)
    if folder:
        shell = folder.with_name(folder.name.replace("chromium-", "chromium_headless_shell-"))
        yield from (str(path) for path in shell.glob("*/*headless[-_]shell*") if os.access(path, os.X_OK))
    if path := shutil.which(SHELL):
        yield path


def _as_root() -> list[str] | None:
    """Return the command prefix that runs a command as root without a password, or None."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n"]
    return None


def _try(what: str, command: list[str]) -> None:
    print(what, flush=True)
    environment = {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "15000", **os.environ}
    try:
        subprocess.run(
            command,
            check=True,
            timeout=INSTALL_SECONDS,
            env=environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        print("  done", flush=True)
    except subprocess.CalledProcessError as error:
        print(f"  did not work: {error.stderr.strip().partition(chr(10))[0]}", flush=True)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"  did not work: {error}", flush=True)


if __name__ == "__main__":
    ensure()
