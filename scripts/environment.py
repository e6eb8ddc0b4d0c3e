"""Create .venv, and install the requirements if they have changed: `python scripts/environment.py [run|dev]`.

Only the standard library: this runs before anything is installed.
"""

import functools
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
RUN = ("requirements.txt",)
DEV = (*RUN, "requirements-optional.txt", "requirements-dev.txt")
SHOP = ROOT / "apps/shop/requirements.txt"
SANDBOX = ROOT / "packages/stripe-sandbox"
EDITABLE_SANDBOX = ("--no-deps", "--editable", SANDBOX)
PIP_INSTALL = ("-m", "pip", "install", "-q", "--no-input", "--disable-pip-version-check")

# For checks and tests, which must not depend on .env.
TEST_VARIABLES = {
    "SECRET_KEY": "tests",
    "DEBUG": "true",
    "STRIPE_SECRET_KEY": "",
    "STRIPE_WEBHOOK_SECRET": "",
    "PYTHONDONTWRITEBYTECODE": "",  # if set, each process that a test starts compiles all modules again
}
IN_PARALLEL = ("-n", "auto", "--maxprocesses", "4", "--maxschedchunk", "1")  # options of pytest


def stop(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise SystemExit(1)


def ensure(files: Sequence[str]) -> None:
    """Create .venv if needed. Install these requirements, those of apps/shop and the sandbox if they have changed."""
    if not _is_usable():
        _create()
    for name in files:
        _install_once(name, ROOT / name, "--require-hashes", "-r", ROOT / name)
    # A separate command: pip refuses packages without hashes in a command with hashes.
    _install_once("shop-requirements", SHOP, "-r", SHOP)
    _install_once("stripe-sandbox", SANDBOX / "pyproject.toml", *EDITABLE_SANDBOX)


def ensure_with_browser() -> None:
    """Create .venv for the tests and find a browser. Exit if none starts."""
    ensure(DEV)
    if run(PYTHON, "scripts/browser.py"):
        raise SystemExit(1)


def install(python: Path, *arguments: str | Path) -> None:
    """Install with uv, or with pip if uv fails: uv ignores pip's configuration, for example a proxy."""
    uv = _find_uv()
    if uv and run(uv, "pip", "install", "-q", "--python", python, *arguments) == 0:
        return
    if run(python, *PIP_INSTALL, *arguments):
        stop("The installation failed; pip's error is above. Check the network, then try again.")


def run(*command: str | Path, **options: object) -> int:
    sys.stdout.flush()
    return subprocess.run([str(part) for part in command], cwd=ROOT, **options).returncode  # type: ignore[call-overload,no-any-return]


def _is_usable() -> bool:
    probe = "import pip, sys; sys.exit(sys.version_info < (3, 11))"
    return PYTHON.exists() and subprocess.run([PYTHON, "-c", probe], capture_output=True).returncode == 0


def _create() -> None:
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        stop(f"Python's venv module is missing. On Debian and Ubuntu: apt install python{version}-venv")
    print("Creating .venv", flush=True)
    done = subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], capture_output=True, text=True)
    if done.returncode:
        stop(f"Cannot create .venv: {(done.stderr or done.stdout).strip().splitlines()[-1]}")


def _install_once(name: str, file: Path, *arguments: str | Path) -> None:
    stamp = VENV / f".installed-{name}"
    digest = hashlib.sha256(f"{file.read_text()} {ROOT} {sys.version}".encode()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != digest:
        print(f"Installing {name} (once, or when it changes)", flush=True)
        install(PYTHON, *arguments)
        stamp.write_text(digest)


@functools.cache
def _find_uv() -> str | None:
    """Return the path of uv, which is faster than pip. Install it into .venv if it is missing."""
    path = f"{PYTHON.parent}:{os.environ['PATH']}"
    if not shutil.which("uv", path=path):
        pinned = ("--only-binary=:all:", "--require-hashes", "-r", ROOT / "requirements-uv.txt")
        run(PYTHON, *PIP_INSTALL, "--retries=0", *pinned, stderr=subprocess.DEVNULL)
    return shutil.which("uv", path=path)


if __name__ == "__main__":
    ensure(DEV if "dev" in sys.argv[1:] else RUN)
