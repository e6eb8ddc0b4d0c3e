"""The virtual environment: made once, and filled again only when a requirements file changed.

    python scripts/environment.py [run|dev]

Standard library only: this runs before anything is installed.
"""

import hashlib
import importlib.util
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
# Installed in place in a second step, because pip takes no folder together with hashes.
SANDBOX = ROOT / "packages/stripe-sandbox"

# For checks and tests: they must not depend on the .env of this machine, and a fresh clone has none.
NEUTRAL = {"SECRET_KEY": "tests", "DEBUG": "true", "STRIPE_SECRET_KEY": "", "STRIPE_WEBHOOK_SECRET": ""}


def stop(message: str) -> NoReturn:
    """Ends the command with one line that says what is wrong and what to do."""
    print(message, file=sys.stderr)
    raise SystemExit(1)


def ensure(files: Sequence[str]) -> None:
    """Makes .venv and installs the requirements `files`, unless that was done before and nothing changed."""
    if not _works():
        _create()
    stamps = {name: (VENV / f".installed-{name}", _digest(ROOT / name)) for name in files}
    if not all(stamp.is_file() and stamp.read_text() == digest for stamp, digest in stamps.values()):
        _install(files[-1])
        for stamp, digest in stamps.values():
            stamp.write_text(digest)
    stamp, digest = VENV / ".installed-stripe-sandbox", f"{_digest(SANDBOX / 'pyproject.toml')} {ROOT}"
    if not stamp.is_file() or stamp.read_text() != digest:
        install_sandbox(PYTHON)
        stamp.write_text(digest)


def install_sandbox(python: Path) -> None:
    """Install packages/stripe-sandbox into the environment of `python`; its code stays where it is."""
    print("Installing packages/stripe-sandbox", flush=True)
    pip = [python, "-m", "pip", "install", "-q", "--no-input", "--disable-pip-version-check", "--no-deps"]
    if run(*pip, "--editable", SANDBOX):
        stop("Installing packages/stripe-sandbox failed; pip says why above.")


def run(*command: str | Path, **options: object) -> int:
    """Runs a command in the project's folder and returns its exit status."""
    sys.stdout.flush()
    return subprocess.run([str(part) for part in command], cwd=ROOT, **options).returncode  # type: ignore[call-overload,no-any-return]


def _works() -> bool:
    if not PYTHON.exists():
        return False
    probe = "import sys, importlib.util as u; sys.exit(sys.version_info < (3, 11) or not u.find_spec('pip'))"
    return subprocess.run([PYTHON, "-c", probe], capture_output=True).returncode == 0


def _create() -> None:
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        stop(f"Python's venv module is missing. On Debian and Ubuntu: apt install python{version}-venv")
    print("Making the virtual environment .venv", flush=True)
    done = subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], capture_output=True, text=True)
    if done.returncode:
        stop(f"Could not make .venv: {(done.stderr or done.stdout).strip().splitlines()[-1]}")


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes() + sys.version.encode()).hexdigest()


def _install(name: str) -> None:
    """pip, with one short line a package instead of pip's three."""
    print(f"Installing {name} (once, or when it changes)", flush=True)
    command = [PYTHON, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "-r", ROOT / name]
    pip = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = []
    for line in pip.stdout or ():
        lines.append(line.strip())
        if line.startswith("Collecting "):
            print(f"  {line.split()[1]}", flush=True)
        elif line.startswith("Installing collected"):
            print("  … unpacking", flush=True)
    if pip.wait():
        errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
        stop(f"Installing {name} failed. Is there a network? pip says: {errors[-1] if errors else 'nothing'}")


if __name__ == "__main__":
    ensure(DEV if "dev" in sys.argv[1:] else RUN)
