"""`make run`: install and prepare the site, then serve it at http://127.0.0.1:$PORT. It never overwrites .env and data.

Only the standard library: this runs before anything is installed.
"""

import os
import socket

import dotenv
from environment import PYTHON, ROOT, RUN, ensure, run, stop


def main() -> None:
    values = dotenv.read()
    port = _free_port(os.environ.get("PORT") or values.get("PORT") or "8000")
    ensure(RUN)
    values = values or dotenv.write()
    variables = {**values, **os.environ}
    tunnel = variables.get("TUNNEL_URL") or _codespaces_url(port)
    if tunnel:
        os.environ |= {"TUNNEL_URL": tunnel, "PORT": str(port)}
    if not variables.get("SITE_URL"):
        os.environ["SITE_URL"] = tunnel or f"http://127.0.0.1:{port}"
    if run(PYTHON, "scripts/prepare_site.py", str(port)):
        raise SystemExit(1)
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), "manage.py", "runserver", f"127.0.0.1:{port}"])


def _codespaces_url(port: int) -> str:
    names = ("CODESPACE_NAME", "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN")
    name, domain = map(os.environ.get, names)
    return f"https://{name}-{port}.{domain}" if name and domain else ""


def _free_port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        stop(f"PORT={text} is not a port. Try: make run PORT=8001")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(text)))
        except PermissionError:
            stop(f"Port {text} is reserved for the system. Choose a port above 1023: make run PORT=8000")
        except OSError:
            other = int(text) + 1 if int(text) < 65535 else 8000
            stop(
                f"Port {text} is in use. Stop the program that uses it, or choose another port: make run PORT={other}"
            )
    return int(text)


if __name__ == "__main__":
    main()
