"""EMAIL_URL sends the same e-mail by SMTP server or provider API, over real sockets."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core.mail import EmailMessage

from config import service_settings
from config.env_urls import email_url
from config.env_values import InvalidValue
from tests.factories import set_email_url


class Smtp(socketserver.StreamRequestHandler):
    """Accept every e-mail and record its lines in `server.received`."""

    def handle(self) -> None:
        answers = {b"DATA": b"354 go on", b"QUIT": b"221 bye"}
        self.wfile.write(b"220 hello\r\n")
        in_data = False
        for line in self.rfile:
            self.server.received.append(line.strip().decode())  # type: ignore[attr-defined]
            if in_data and line != b".\r\n":
                continue
            in_data = line.upper().startswith(b"DATA")
            self.wfile.write(answers.get(line[:4].upper(), b"250 ok") + b"\r\n")


class Postmark(BaseHTTPRequestHandler):
    """https://postmarkapp.com/developer/api/email-api"""

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.received.append((self.path, self.headers["X-Postmark-Server-Token"], message))  # type: ignore[attr-defined]
        has_valid_token = self.headers["X-Postmark-Server-Token"] == "secret"
        body = {"To": message["To"], "MessageID": "1", "ErrorCode": 0, "Message": "OK"}
        refused = {"ErrorCode": 10, "Message": "Bad or missing Server API token."}
        self.send_response(200 if has_valid_token else 401)
        self.end_headers()
        self.wfile.write(json.dumps(body if has_valid_token else refused).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def run_server(kind: type[socketserver.TCPServer], handler: Any) -> Iterator[Any]:
    with kind(("127.0.0.1", 0), handler) as server:
        server.received = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def send() -> None:
    EmailMessage("Grüße", "Hello Ada", "Shop <shop@example.com>", ["ada@example.com"]).send()


def test_email_is_sent_by_smtp(settings: Any) -> None:
    with run_server(socketserver.TCPServer, Smtp) as server:
        set_email_url(settings, f"smtp://127.0.0.1:{server.server_address[1]}")
        send()
    assert "rcpt to:<ada@example.com>" in [line.lower() for line in server.received]
    assert "Hello Ada" in server.received


def test_email_is_sent_by_provider_api(settings: Any) -> None:
    with run_server(ThreadingHTTPServer, Postmark) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        set_email_url(settings, f"postmark://?server_token=secret&api_url={url}")
        send()
        set_email_url(settings, f"postmark://?server_token=wrong&api_url={url}")
        with pytest.raises(Exception, match="401"):
            send()
    path, token, message = server.received[0]
    assert (path, token) == ("/email", "secret")
    assert (message["To"], message["Subject"]) == ("ada@example.com", "Grüße")


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("smtp+tls://me%40example.com:p%3Aw%2F@mail.example.com", "mail.example.com", 587, True),
        ("smtp+tls://me%40example.com:p%3Aw%2F@mail.example.com:2525", "mail.example.com", 2525, True),
    ],
)
def test_smtp_url_sets_the_email_settings(url: str, host: str, port: int, tls: bool) -> None:
    found = service_settings.email(*email_url(url))
    flat = {**found, **found.get("MAILERS", {}).get("default", {}).get("OPTIONS", {})}

    def value(new: str, old: str) -> Any:
        return flat.get(new, flat.get(old))

    assert value("username", "EMAIL_HOST_USER") == "me@example.com"
    assert value("password", "EMAIL_HOST_PASSWORD") == "p:w/"
    assert (value("host", "EMAIL_HOST"), value("port", "EMAIL_PORT")) == (host, port)
    assert value("use_tls", "EMAIL_USE_TLS") is tls
    assert value("timeout", "EMAIL_TIMEOUT") == 5


@pytest.mark.parametrize("url", ["pigeon://coop", "https://mail.example.com", "../base://"])
def test_invalid_email_url_stops_the_start(url: str) -> None:
    with pytest.raises(InvalidValue):
        email_url(url)
