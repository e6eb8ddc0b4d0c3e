"""Run the last stage of the Dockerfile in a folder, without Docker and without privileges.

COPY copies files and makes them read-only, RUN runs the Python commands, and `start` starts a command as in a
container: with the Dockerfile's environment, without capabilities, and with VAR_DIR as the only writable folder. The
installed packages are those of the tests.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# Without capabilities, file permissions apply to root too.
WITHOUT_CAPABILITIES = (
    ("setpriv", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs") if os.geteuid() == 0 else ()
)


def instructions(text: str) -> list[tuple[str, str]]:
    """Return the instructions of the last stage: ("COPY", "apps apps")."""
    joined = text.replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip() and line[0] != "#"]
    rows = [(name, " ".join(rest.split())) for name, rest in lines]
    last = max(number for number, (name, _rest) in enumerate(rows) if name == "FROM")
    return rows[last:]


class Image:
    """`folder` is the root of the image's file system, `args` are build arguments."""

    def __init__(self, folder: Path, **args: str) -> None:
        self.folder, self.args = folder, args
        self.rows = instructions((ROOT / "Dockerfile").read_text())
        self.app = self.host_path(self.argument_of("WORKDIR"))
        variables = dict(
            word.split("=", 1) for name, rest in self.rows if name == "ENV" for word in shlex.split(rest)
        )
        self.environment = {name: self._translate_path(value) for name, value in variables.items()}
        self.environment |= {
            "PATH": "/usr/bin:/bin",
            "HOME": "/nonexistent",
            "TMPDIR": str(self.host_path("/tmp")),
        }

    def argument_of(self, name: str) -> str:
        (rest,) = [rest for row, rest in self.rows if row == name]
        return rest

    def host_path(self, path: str) -> Path:
        return self.folder / path.lstrip("/")

    def build(self) -> None:
        for path in ("/tmp", self.argument_of("WORKDIR"), "/var/lib/shop", "/srv/static"):
            self.host_path(path).mkdir(parents=True, exist_ok=True)
        for name, rest in self.rows:
            if name == "COPY" and not rest.startswith("--from"):
                self._copy(*rest.split())
        self._make_read_only(self.app)
        for name, rest in self.rows:
            if name == "RUN" and " python " in f" {rest}":
                self._run(rest)
        self._make_read_only(self.host_path("/srv/static"))

    def start(self, command: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command of the Dockerfile or compose.yaml."""
        return subprocess.Popen(
            [*WITHOUT_CAPABILITIES, *self._command(shlex.split(command))],
            cwd=self.app,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str, **environment: str) -> int:
        """Run the command and return its exit status."""
        process = self.start(command, **environment)
        process.communicate(timeout=60)
        return process.returncode

    def files(self) -> dict[Path, int]:
        """Return the files of the read-only part with their modification times."""
        found = [*self.app.rglob("*"), *self.host_path("/srv/static").rglob("*")]
        return {path: path.stat().st_mtime_ns for path in found if path.is_file()}

    def make_writable(self) -> None:
        """Make the folder removable."""
        for path in (self.folder, *self.folder.rglob("*")):
            path.chmod(0o755)

    def _copy(self, source: str, target: str) -> None:
        origin, destination = ROOT / source, self.app / target
        if origin.is_dir():
            shutil.copytree(origin, destination, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(origin, destination)

    def _run(self, line: str) -> None:
        words = shlex.split(line)
        at = words.index("python")
        if "compileall" in words:  # the folder is already read-only
            return
        variables = dict(word.split("=", 1) for word in words[:at])
        process = self.start(
            shlex.join(words[at:]),
            **self.args,
            **{name: self._translate_path(value) for name, value in variables.items()},
        )
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output

    def _translate_path(self, value: str) -> str:
        return str(self.host_path(value)) if value.startswith("/") and ":" not in value else value

    @staticmethod
    def _command(words: list[str]) -> list[str]:
        return [sys.executable, *words[1:]] if words[0] == "python" else words

    @staticmethod
    def _make_read_only(folder: Path) -> None:
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)


def compose() -> dict[str, Any]:
    """Return compose.yaml with its anchors resolved."""
    import yaml

    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return found
