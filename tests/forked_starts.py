"""Start the shop with many environments: one process imports Django, and a fork of it runs the code of each start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def start_each(environments: list[dict[str, str]], code: str) -> list[subprocess.CompletedProcess[str]]:
    """Run the code with each of the environments, and only these variables."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.forked_starts"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        input=json.dumps([environments, code]),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return [subprocess.CompletedProcess(code, *result) for result in json.loads(done.stdout)]


def _main() -> None:
    environments, code = json.load(sys.stdin)
    # The starts are about variables of the environment, not about the settings of a shop.
    import_module("apps.shop.settings").configure = lambda settings, env: None
    import_module("config.production_checks")  # before the fork; it reads no settings yet
    import_module("config.env_urls")
    results = []
    for environment in environments:
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            if not (child := os.fork()):
                os.dup2(output.fileno(), 1)
                os.dup2(errors.fileno(), 2)
                os.environ.clear()
                os.environ.update(environment)
                exec(code, {})
                sys.exit()
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            texts = [os.pread(file.fileno(), 1 << 20, 0).decode() for file in (output, errors)]
        results.append([status, *texts])
    print(json.dumps(results))


if __name__ == "__main__":
    _main()
