import json
import os
import secrets
import subprocess
import sys

from environment import PYTHON, ROOT, stop

sys.path.insert(0, str(ROOT))
from config.env_file import read_env_file

FILE = ROOT / ".env"
PRINT_VARIABLES = "import json, os, config.settings; print(json.dumps(dict(os.environ)))"


def read() -> dict[str, str]:
    """Return the variables of .env; {} if there is no .env. Exit if it is malformed."""
    if not FILE.exists():
        return {}
    values, problems = read_env_file(FILE)
    if problems:
        stop("\n".join(problems))
    if not (values.get("SECRET_KEY") or os.environ.get("SECRET_KEY")):
        stop(".env has no SECRET_KEY. Add a long random one: SECRET_KEY=…")
    return values


def site_variables() -> dict[str, str]:
    """Return the environment after the settings have read it. Exit if a variable is wrong or misspelt."""
    if not PYTHON.exists():  # the site is not set up yet
        return {**read(), **os.environ}
    done = subprocess.run([PYTHON, "-c", PRINT_VARIABLES], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(1)  # the settings printed the reason
    values: dict[str, str] = json.loads(done.stdout)
    return values


def write() -> dict[str, str]:
    """Create .env from .env.example, with a random SECRET_KEY. Raise FileExistsError if it exists."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    text = example.replace("SECRET_KEY=", f"SECRET_KEY={secrets.token_urlsafe(50)}", 1)
    handle = os.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(handle, "w", encoding="utf-8") as file:
        file.write(text)
    print("Created .env with a random SECRET_KEY", flush=True)
    return read()
