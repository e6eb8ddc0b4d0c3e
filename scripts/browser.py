"""Find a browser for browser tests and screenshots: E2E_BROWSER, Playwright's Chromium, or the system's.

`python scripts/browser.py` installs Playwright's Chromium or Debian's package if none starts.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from playwright.sync_api import Error, sync_playwright

DISABLED = ("gpu", "background-networking", "component-update", "quic")
ARGS = ["--no-sandbox", *(f"--disable-{feature}" for feature in DISABLED)]
HEADLESS_SHELL = "chromium-headless-shell"  # twice as fast as Chromium
SYSTEM_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_CHROME = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
PATH_FILE = Path(__file__).resolve().parent.parent / ".venv" / ".browser"
INSTALL_SECONDS = 240
HELP = """No working browser was found, and none could be installed. Do one of these, then try again:
  .venv/bin/python -m playwright install --with-deps chromium
  apt install chromium          (Debian, Ubuntu)
  E2E_BROWSER=/path/to/chromium make test"""


class LaunchOptions(TypedDict):
    args: list[str]
    executable_path: str


def launch_options(bundled_path: str, *, headed: bool = False) -> LaunchOptions:
    """Return the arguments of `chromium.launch`. `bundled_path` is `playwright.chromium.executable_path`.

    Raise SystemExit if there is no browser.
    """
    is_overridden = headed or os.environ.get("E2E_BROWSER")
    stored = [PATH_FILE.read_text()] if PATH_FILE.exists() and not is_overridden else []
    for path in [*stored, *_candidates(bundled_path, headed=headed)]:
        if os.path.exists(path):
            return {"args": ARGS, "executable_path": path}
    sys.exit(HELP)


def ensure() -> None:
    """Store the path of a browser that starts in .venv/.browser. Raise SystemExit if none starts."""
    if _find_working_browser():
        return
    _run_step("playwright install chromium", [sys.executable, "-m", "playwright", "install", "chromium"])
    if _find_working_browser():
        return
    sudo = _sudo()
    if shutil.which("apt-get") and sudo is not None:
        apt = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
        _run_step("apt-get update", [*apt, "update"])
        for package in ("chromium", HEADLESS_SHELL):
            _run_step(
                f"apt-get install {package}", [*apt, "install", "-y", "--no-install-recommends", package]
            )
        if _find_working_browser():
            return
    sys.exit(HELP)


def _find_working_browser() -> bool:
    with sync_playwright() as playwright:
        for path in _candidates(playwright.chromium.executable_path):
            try:
                browser = playwright.chromium.launch(executable_path=path, args=ARGS)
            except Error:
                continue
            print(f"Browser: Chromium {browser.version}", flush=True)
            browser.close()
            PATH_FILE.write_text(path)
            return True
    return False


def _candidates(bundled_path: str, *, headed: bool = False) -> Iterator[str]:
    if named := os.environ.get("E2E_BROWSER"):
        yield named
        return
    if not headed:
        yield from _headless_shells(bundled_path)
    yield bundled_path
    for name in (*SYSTEM_BROWSERS, MAC_CHROME):
        if path := shutil.which(name):
            yield path


def _headless_shells(bundled_path: str) -> Iterator[str]:
    """Yield Playwright's headless shell, which is next to its Chromium, and Debian's."""
    folder = next((part for part in Path(bundled_path).parents if part.name.startswith("chromium-")), None)
    if folder:
        shell = folder.with_name(folder.name.replace("chromium-", "chromium_headless_shell-"))
        yield from (str(path) for path in shell.glob("*/*headless[-_]shell*") if os.access(path, os.X_OK))
    if path := shutil.which(HEADLESS_SHELL):
        yield path


def _sudo() -> list[str] | None:
    """Return the prefix of commands for root, [] for root; None if a password is needed."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n"]
    return None


def _run_step(title: str, command: list[str]) -> None:
    print(title, flush=True)
    environment = {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "15000", **os.environ}
    try:
        options = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        done = subprocess.run(command, timeout=INSTALL_SECONDS, env=environment, **options)
        result = f"failed: {done.stderr.strip().partition(chr(10))[0]}" if done.returncode else "done"
    except (OSError, subprocess.TimeoutExpired) as error:
        result = f"failed: {error}"
    print(f"  {result}", flush=True)


if __name__ == "__main__":
    ensure()
