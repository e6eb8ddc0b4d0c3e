"""The virtual environment: made once, and filled again only when a requirements file changed.

    python scripts/environment.py [run|dev]

Standard library only: this runs before anything is installed.
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
SANDBOX = ROOT / "packages/stripe-sandbox"
EDITABLE_SANDBOX = ("--no-deps", "--editable", SANDBOX)
PIP_INSTALL = ("-m", "pip", "install", "-q", "--no-input", "--disable-pip-version-check")

# For checks and tests: they must not depend on the .env of this machine, and a fresh clone has none.
NEUTRAL = {"SECRET_KEY": "tests", "DEBUG": "true", "STRIPE_SECRET_KEY": "", "STRIPE_WEBHOOK_SECRET": ""}


def stop(message: str) -> NoReturn:
    """Ends the command with one line that says what is wrong and what to do."""
    print(message, file=sys.stderr)
    raise SystemExit(1)


def ensure(files: Sequence[str]) -> None:
    """Create .venv and install the requirements `files` and the sandbox, unless that was done and nothing changed."""
    if not _works():
        _create()
    for name in files:
        _install_once(name, ROOT / name, "--require-hashes", "-r", ROOT / name)
    # A second step, because pip takes no folder together with hashes.
    _install_once("stripe-sandbox", SANDBOX / "pyproject.toml", *EDITABLE_SANDBOX)


def install(python: Path, *arguments: str | Path) -> None:
    """Install with uv, or with pip if there is no uv or it fails (it knows nothing of pip's configuration)."""
    uv = _find_uv()
    if uv and run(uv, "pip", "install", "-q", "--python", python, *arguments) == 0:
        return
    if run(python, *PIP_INSTALL, *arguments):
        stop("Installing failed; pip says why above. Is there a network?")


def run(*command: str | Path, **options: object) -> int:
    """Runs a command in the project's folder and returns its exit status."""
    sys.stdout.flush()
    return subprocess.run([str(part) for part in command], cwd=ROOT, **options).returncode  # type: ignore[call-overload,no-any-return]


def _works() -> bool:
    probe = "import pip, sys; sys.exit(sys.version_info < (3, 11))"
    return PYTHON.exists() and subprocess.run([PYTHON, "-c", probe], capture_output=True).returncode == 0


def _create() -> None:
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        stop(f"Python's venv module is missing. On Debian and Ubuntu: apt install python{version}-venv")
    print("Making the virtual environment .venv", flush=True)
    done = subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], capture_output=True, text=True)
    if done.returncode:
        stop(f"Could not make .venv: {(done.stderr or done.stdout).strip().splitlines()[-1]}")


def _install_once(name: str, file: Path, *arguments: str | Path) -> None:
    stamp = VENV / f".installed-{name}"
    digest = hashlib.sha256(f"{file.read_text()} {ROOT} {sys.version}".encode()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != digest:
        print(f"Installing {name} (once, or when it changes)", flush=True)
        install(PYTHON, *arguments)
        stamp.write_text(digest)


@functools.cache
def _find_uv() -> str | None:
    """Return uv's path. Install it into .venv if need be: that takes 2 seconds and saves 10."""
    path = f"{PYTHON.parent}:{os.environ['PATH']}"
    if not shutil.which("uv", path=path):
        pinned = ("--only-binary=:all:", "--require-hashes", "-r", ROOT / "requirements-uv.txt")
        run(PYTHON, *PIP_INSTALL, "--retries=0", *pinned, stderr=subprocess.DEVNULL)
    return shutil.which("uv", path=path)


if __name__ == "__main__":
    ensure(DEV if "dev" in sys.argv[1:] else RUN)
