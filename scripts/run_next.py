"""`make test-next`: run the tests on the newest Django and the newest Python of this machine, warnings as errors.

    python scripts/run_next.py [pytest arguments]

Other packages keep their pinned versions. The environment is .venv-next; it is rebuilt when the requirements change.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from environment import DEV, NEUTRAL, PYTHON, ROOT, ensure, install_sandbox, run, stop
from run_tests import CHECKS

VENV = ROOT / ".venv-next"
OLDEST = (3, 12)
DJANGO = "django>=6.1"
NOT_NEEDED = ("mypy", "django-stubs", "ruff", "types-", "-r")  # these check the code, which is the same
ELSEWHERE = (  # where version managers install Python; python.org's is on PATH
    "~/.pyenv/versions/3.*/bin/python",
    "~/.local/share/uv/python/cpython-3.*/bin/python3",
    "~/.asdf/installs/python/3.*/bin/python",
)


def main() -> None:
    ensure(DEV)
    if run(PYTHON, "scripts/browser.py"):
        raise SystemExit(1)
    python, version = _newest_python()
    _ensure(python, version)
    os.environ.update(NEUTRAL)
    run(
        VENV / "bin/python",
        "-c",
        "import django, sys; print('Django', django.__version__, 'on Python', sys.version)",
    )
    raise SystemExit(run(VENV / "bin/python", *CHECKS["tests"].split(), *sys.argv[1:]))


def _newest_python() -> tuple[str, tuple[int, ...]]:
    on_path = [shutil.which(f"python3.{minor}") for minor in range(20, 11, -1)] + [shutil.which("python3")]
    elsewhere = [str(path) for glob in ELSEWHERE for path in Path.home().glob(glob.removeprefix("~/"))]
    found = {python: version for python in [*on_path, *elsewhere] if python and (version := _version(python))}
    if not found or max(found.values()) < OLDEST:
        stop(
            "No Python 3.12 or newer was found: on PATH, or with pyenv, uv or asdf. Install one, then repeat."
        )
    return max(found.items(), key=lambda item: item[1])


def _version(python: str) -> tuple[int, ...]:
    """Return (3, 13, 0); () if it does not start (a version manager's placeholder) or can't create an environment."""
    code = "import ensurepip, venv, sys; print(*sys.version_info[:3]) if sys.version_info[3] == 'final' else None"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, cwd="/")
    return tuple(int(part) for part in done.stdout.split())


def _ensure(python: str, version: tuple[int, ...]) -> None:
    """Create .venv-next with the pinned packages and the newest Django."""
    pinned = [line for name in DEV for line in (ROOT / name).read_text().split("\n") if line.strip()]
    wanted = [line for line in pinned if not line.lower().startswith(("django==", *NOT_NEEDED))] + [DJANGO]
    stamp, digest = VENV / ".installed", hashlib.sha256(repr((wanted, version)).encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return
    print(f"Making .venv-next with {python}", flush=True)
    subprocess.run([python, "-m", "venv", "--clear", VENV], check=True)
    pip = [VENV / "bin/python", "-m", "pip", "install", "-q", "--no-input", "--disable-pip-version-check"]
    if run(*pip, *(re.sub(r"\s+#.*", "", line) for line in wanted)):
        stop("Installing the newest Django beside the pinned packages failed; pip says why above.")
    install_sandbox(VENV / "bin/python")
    stamp.write_text(digest)


if __name__ == "__main__":
    main()
