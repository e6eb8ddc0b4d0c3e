"""A minimal S3-compatible server: one bucket in memory, which requires valid signatures.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

KEY, SECRET = "the-key", "the/secret+key"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._check_signature():
            self.server.files[self._key()] = (body, self.headers.get("Content-Type", ""))
            self._answer(200, headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})

    def do_DELETE(self) -> None:
        if self._check_signature():
            self.server.files.pop(self._key(), None)
            self._answer(204)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if not self._check_signature():
            return
        if self._key() not in self.server.files:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        body, kind = self.server.files[self._key()]
        headers = {"Content-Type": kind, "Last-Modified": formatdate(usegmt=True), "ETag": '"1"'}
        for name, [value] in parse_qs(urlsplit(self.path).query).items():
            if name == "response-content-disposition":
                headers["Content-Disposition"] = value
        if requested_range := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            first, last = int(requested_range[1]), int(requested_range[2] or len(body) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
            self._answer(206, body[first : last + 1], headers)
        else:
            self._answer(200, body, headers)

    def _key(self) -> str:
        return unquote(urlsplit(self.path).path)

    def _check_signature(self) -> bool:
        error = self._find_signature_error()
        if error:
            self._answer(403, f"<Error><Code>{error}</Code></Error>".encode())
        return not error

    def _find_signature_error(self) -> str:
        """Return the error code, or "" if the request has a valid signature."""
        query = urlsplit(self.path).query
        fields = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
        if "X-Amz-Signature" in fields:
            date, scope, signed = (
                fields["X-Amz-Date"],
                fields["X-Amz-Credential"],
                fields["X-Amz-SignedHeaders"],
            )
            signature, payload = fields.pop("X-Amz-Signature"), "UNSIGNED-PAYLOAD"
            signed_at = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            if datetime.now(UTC) + self.server.clock > signed_at + timedelta(
                seconds=int(fields["X-Amz-Expires"])
            ):
                return "AccessDenied: Request has expired"
        elif authorization := self.headers.get("Authorization"):
            parts = dict(re.findall(r"(\w+)=([^,]+)", authorization))
            date, scope, signed = self.headers["X-Amz-Date"], parts["Credential"], parts["SignedHeaders"]
            signature, payload = parts["Signature"], self.headers["X-Amz-Content-SHA256"]
        else:
            return "AccessDenied"
        key, _, scope = scope.partition("/")
        method = "GET" if "X-Amz-Signature" in query and self.command == "HEAD" else self.command
        lines = [method, urlsplit(self.path).path]
        lines.append("&".join(f"{_quote(name)}={_quote(value)}" for name, value in sorted(fields.items())))
        lines += [f"{name}:{self.headers.get(name, '').strip()}" for name in signed.split(";")]
        request = "\n".join([*lines, "", signed, payload])
        text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(request.encode()).hexdigest()])
        secret = f"AWS4{SECRET}".encode()
        for part in scope.split("/"):
            secret = hmac.digest(secret, part.encode(), "sha256")
        expected = hmac.new(secret, text.encode(), "sha256").hexdigest()
        return "" if key == KEY and hmac.compare_digest(expected, signature) else "SignatureDoesNotMatch"

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _quote(text: str) -> str:
    return quote(text, safe="-_.~")


@contextmanager
def s3_server() -> Iterator[Any]:
    """Run the server. `files` is the bucket (path ▶ bytes, type), `clock` a timedelta added to the time."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.clock = {}, timedelta()
    server.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
