"""Asks this machine's own web server whether it is alive: `python -m config.health`, for containers (no curl there).

Exit status 0 or 1. https://docs.docker.com/reference/dockerfile/#healthcheck
"""

from __future__ import annotations

import http.client
import os
import sys

TIMEOUT_SECONDS = 4


def is_alive(port: int) -> bool:
    server = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        server.request("GET", "/healthz", headers={"X-Forwarded-Proto": "https"})  # as the proxy would ask
        return server.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        server.close()


if __name__ == "__main__":
    port = os.environ.get("PORT", "").strip() or "8000"
    sys.exit(0 if port.isdecimal() and is_alive(int(port)) else 1)
