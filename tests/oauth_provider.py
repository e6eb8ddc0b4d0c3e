"""A local OAuth 2.0 provider for sign-in with Google and GitHub.

Like the real ones, it checks the client's id and secret, the redirect URI and PKCE, and accepts a code once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt

CLIENT = {"client_id": "the-shop", "secret": "a secret between two servers, long enough"}


class Provider:
    """`person` is the signed-in user, `consents` whether the user allows the sign-in."""

    def __init__(self) -> None:
        self.address = ""
        self.person: dict[str, Any] = {}
        self.emails: list[dict[str, Any]] = []  # GitHub lists all addresses of a user, one of them primary
        self.consents = True
        self.last_request: dict[str, str] = {}
        self._codes: dict[str, dict[str, str]] = {}

    def authorize(self, query: dict[str, str]) -> str:
        """Return the URL that the browser is redirected to."""
        self.last_request = query
        assert query["client_id"] == CLIENT["client_id"]
        assert query["response_type"] == "code"
        if not self.consents:
            return f"{query['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': query['state']})}"
        code = secrets.token_hex(8)
        self._codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str]) -> dict[str, Any] | None:
        """Return the token response for a code, or None if the request is invalid."""
        request = self._codes.pop(form.get("code", ""), None)
        proof = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if (
            request is None
            or (form.get("client_id"), form.get("client_secret")) != (CLIENT["client_id"], CLIENT["secret"])
            or form.get("redirect_uri") != request["redirect_uri"]
            or base64.urlsafe_b64encode(proof).decode().rstrip("=") != request["code_challenge"]
        ):
            return None
        claims = {"iss": "https://accounts.google.com", "aud": CLIENT["client_id"], "exp": time() + 60}
        identity = jwt.encode({**claims, "iat": time(), **self.person}, CLIENT["secret"])
        return {"access_token": "at", "token_type": "Bearer", "expires_in": 60, "id_token": identity}


@contextmanager
def provider() -> Iterator[Provider]:
    """Run a provider on a free port."""
    server_state = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", server_state.authorize(_flat(url.query)))
                self.end_headers()
            else:
                self._json(server_state.emails if url.path.endswith("/emails") else server_state.person)

        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            answer = server_state.token(_flat(form))
            self._json(answer or {"error": "invalid_grant"}, 200 if answer else 400)

        def _json(self, value: Any, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(value).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server_state.address = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server_state
        server.shutdown()


def _flat(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}
