"""`make try-container`: builds the image, starts everything of compose.yaml as a demo shop, looks, and removes it all.

    python scripts/try_container.py [seconds to wait]

Needs Docker with its compose plugin, and port 8000. Standard library only.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from environment import ROOT, stop

ADDRESS = "http://127.0.0.1:8000"
DEMO = {
    "SITE_URL": "http://127.0.0.1:8000",
    "ALLOWED_HOSTS": "127.0.0.1",
    "STRIPE_SANDBOX": "true",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "POSTGRES_PASSWORD": secrets.token_hex(16),
}


def main() -> None:
    seconds = sys.argv[1] if len(sys.argv) > 1 else "180"
    with tempfile.TemporaryDirectory(prefix="shop-container-") as folder:
        values = Path(folder, "env")
        values.write_text("".join(f"{name}={value}\n" for name, value in DEMO.items()))
        os.environ["ENVIRONMENT_FILE"] = str(values)
        compose = ("docker", "compose", "--project-name", "shop-trial", "--env-file", str(values))
        try:
            if _run(*compose, "up", "--build", "--detach", "--wait", "--wait-timeout", seconds):
                _run(*compose, "logs", "--no-color", "--tail", "50")
                stop("The containers did not come up; what they said is above.")
            _run(*compose, "exec", "-T", "web", "python", "manage.py", "bootstrap_ecommerce")
            ready, page = _get("/readyz"), _get("/store/")
            print(ready)
            if not json.loads(ready)["ready"] or "<h1" not in page:
                stop("The shop answers, but not as it should.")
        finally:
            _run(*compose, "down", "--volumes", "--timeout", "40")


def _run(*command: str) -> int:
    return subprocess.run(command, cwd=ROOT).returncode


def _get(path: str) -> str:
    try:
        with urllib.request.urlopen(ADDRESS + path, timeout=20) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        stop(f"{path} answers {error.code}: {error.read()[:500].decode(errors='replace')}")


if __name__ == "__main__":
    main()
