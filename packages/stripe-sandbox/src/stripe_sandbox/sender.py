"""Sign a webhook and send it, over HTTP or in-process. https://docs.stripe.com/webhooks/signature"""

import json
import sys
from functools import cache
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
import stripe
from django.core.handlers.wsgi import WSGIHandler

from .storage import Obj

TIMEOUT_SECONDS = 10


def send(event: Obj, url: str, secret: str, now: float, in_process: bool) -> tuple[int | None, str]:
    """Send the event, signed at `now`. Return (status, start of the response), or (None, error)."""
    body = json.dumps(event, indent=2)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "Stripe-Signature": stripe.WebhookSignature.generate_signature_header(body, secret, int(now)),
    }
    try:
        return (_call_in_process if in_process else _post_over_http)(url, body.encode(), headers)
    except requests.RequestException as error:
        return None, str(error)


def _post_over_http(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    response = requests.post(url, data=body, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    return response.status_code, response.text[:1000]


def _call_in_process(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    target = urlsplit(url)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST", "PATH_INFO": target.path, "SCRIPT_NAME": "", "QUERY_STRING": "",
        "SERVER_NAME": target.hostname, "SERVER_PORT": str(target.port or 80), "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": target.netloc, "REMOTE_ADDR": "127.0.0.1", "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": headers["Content-Type"], "wsgi.input": BytesIO(body), "wsgi.url_scheme": target.scheme,
        "wsgi.errors": sys.stderr, "wsgi.version": (1, 0), "wsgi.multithread": True, "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }  # fmt: skip
    environ |= {"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()}
    response = _handler()(environ, lambda *_: lambda _: None)
    try:
        return response.status_code, b"".join(response).decode(errors="replace")[:1000]
    finally:
        response.close()


@cache
def _handler() -> WSGIHandler:
    return WSGIHandler()
