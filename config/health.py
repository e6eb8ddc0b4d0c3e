"""The health check of the container: `python -m config.health` exits with 0 if the web server answers, else 1.

https://docs.docker.com/reference/dockerfile/#healthcheck
"""

import os
import sys
from http.client import HTTPConnection, HTTPException

TIMEOUT_SECONDS = 4


def is_healthy(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        # A TLS proxy sends this header.
        connection.request("GET", "/healthz", headers={"X-Forwarded-Proto": "https"})
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    port = os.environ.get("PORT", "").strip() or "8000"
    sys.exit(0 if port.isdecimal() and is_healthy(int(port)) else 1)
