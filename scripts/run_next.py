"""`make test-next`: run the tests with the newest Django and the newest installed Python. Warnings are errors.

Other packages keep their versions. The environment is .venv-next. Arguments are those of pytest.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from environment import (
    DEV,
    EDITABLE_SANDBOX,
    ROOT,
    SHOP,
    TEST_VARIABLES,
    ensure_with_browser,
    install,
    run,
    stop,
)
from run_tests import CHECKS

VENV = ROOT / ".venv-next"
MIN_VERSION = (3, 12)
DJANGO = "django>=6.1"
PRINT_VERSIONS = "import django, sys; print('Django', django.__version__, 'on Python', sys.version)"
UNUSED_PACKAGES = ("mypy==", "django-stubs==", "ruff==", "types-")
HOME_GLOBS = (  # where pyenv, uv and asdf install Python
    ".pyenv/versions/3.*/bin/python",
    ".local/share/uv/python/cpython-3.*/bin/python3",
    ".asdf/installs/python/3.*/bin/python",
)


def main() -> None:
    ensure_with_browser()
    python, version = _newest_python()
    _ensure(python, version)
    os.environ.update(TEST_VARIABLES)
    run(VENV / "bin/python", "-c", PRINT_VERSIONS)
    raise SystemExit(run(VENV / "bin/python", *CHECKS["tests"].split(), *sys.argv[1:]))


def _newest_python() -> tuple[str, tuple[int, ...]]:
    on_path = [shutil.which(f"python3.{minor}") for minor in range(20, 11, -1)] + [shutil.which("python3")]
    managed = [str(path) for glob in HOME_GLOBS for path in Path.home().glob(glob)]
    candidates = filter(None, [*on_path, *managed])
    versions = {python: version for python in candidates if (version := _version(python))}
    if not versions or max(versions.values()) < MIN_VERSION:
        stop("There is no Python 3.12 or newer. Install it (PATH, pyenv, uv or asdf), then try again.")
    return max(versions.items(), key=lambda item: item[1])


def _version(python: str) -> tuple[int, ...]:
    """Return (3, 13, 0) for example; () if this Python does not start or cannot create an environment."""
    code = "import ensurepip, venv, sys; print(*sys.version_info[:3]) if sys.version_info[3] == 'final' else None"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, cwd="/")
    return tuple(int(part) for part in done.stdout.split())


def _ensure(python: str, version: tuple[int, ...]) -> None:
    lines = [line for name in DEV for line in (ROOT / name).read_text().splitlines()]
    pinned = {line.rstrip(" \\") for line in lines if "==" in line and line[0].isalnum()}
    packages = [
        DJANGO,
        *sorted(line for line in pinned if not line.startswith(("django==", *UNUSED_PACKAGES))),
    ]
    wanted = repr((packages, SHOP.read_text(), version))
    stamp, digest = VENV / ".installed", hashlib.sha256(wanted.encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return
    print(f"Creating .venv-next with {python}", flush=True)
    subprocess.run([python, "-m", "venv", "--clear", VENV], check=True)
    # Without dependencies: a library may not allow the newest Django yet.
    install(VENV / "bin/python", "--no-deps", *packages)
    install(VENV / "bin/python", "-r", SHOP, DJANGO)
    install(VENV / "bin/python", *EDITABLE_SANDBOX)
    stamp.write_text(digest)


if __name__ == "__main__":
    main()
