"""A load generator with raw sockets, prepared requests and one thread.

It runs `connections` requests at a time over persistent connections, and reads only the status and length of responses.
On two cores it needs about a tenth of the server's CPU time.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle
from statistics import quantiles

TIMEOUT_SECONDS = 30
END_OF_HEAD = b"\r\n\r\n"


@dataclass
class Result:
    """Seconds per response in order of arrival, and the number of each status."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, number: int) -> float:
        return quantiles(self.latencies, n=100)[number - 1]


def request(
    port: int, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> bytes:
    """Return an HTTP/1.1 request as bytes; a POST if there is a body."""
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def run_for(port: int, requests: list[bytes], seconds: float, connections: int = 8) -> Result:
    """Send these requests repeatedly for `seconds`."""
    deadline = time.perf_counter() + seconds
    repeated_requests = cycle(requests)
    return _run(
        port,
        iter(lambda: next(repeated_requests) if time.perf_counter() < deadline else b"", b""),
        connections,
    )


def run_all(port: int, requests: list[bytes], connections: int = 8) -> Result:
    """Send each of these requests once."""
    return _run(port, iter(requests), connections)


@dataclass
class _Connection:
    """A connection and the response that is being received."""

    socket: socket.socket
    sent_at: float = 0.0
    missing: int = -1  # body bytes not yet received; -1 until the header is complete
    head: bytes = b""
    status: int = 0

    def send(self, data: bytes) -> None:
        self.sent_at, self.missing, self.head = time.perf_counter(), -1, b""
        self.socket.sendall(data)

    def receive(self) -> bool:
        """Read what has arrived; return whether the response is complete. Raise ConnectionError on EOF."""
        data = self.socket.recv(262_144)
        if not data:
            raise ConnectionError("The server closed the connection before the response was complete.")
        if self.missing >= 0:
            self.missing -= len(data)
            return self.missing <= 0
        self.head += data
        head, found, rest = self.head.partition(END_OF_HEAD)
        if not found:
            return False
        self.status = int(head[9:12])
        self.missing = _length(head, self.status) - len(rest)
        return self.missing <= 0


def _run(port: int, requests: Iterator[bytes], connections: int) -> Result:
    result = Result()
    with selectors.DefaultSelector() as selector:
        started = time.perf_counter()
        for data in _first(requests, connections):
            connection = _Connection(socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS))
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(data)
        while selector.get_map():
            ready = selector.select(TIMEOUT_SECONDS)
            if not ready:
                raise TimeoutError(f"No response for {TIMEOUT_SECONDS} seconds.")
            for key, _mask in ready:
                _receive(key.data, selector, requests, result)
        result.seconds = time.perf_counter() - started
    return result


def _receive(
    connection: _Connection, selector: selectors.BaseSelector, requests: Iterator[bytes], result: Result
) -> None:
    if not connection.receive():
        return
    result.latencies.append(time.perf_counter() - connection.sent_at)
    result.statuses[connection.status] += 1
    if data := next(requests, b""):
        connection.send(data)
    else:
        selector.unregister(connection.socket)
        connection.socket.close()


def _first(requests: Iterator[bytes], count: int) -> Iterator[bytes]:
    for _ in range(count):
        if data := next(requests, b""):
            yield data


def _length(head: bytes, status: int) -> int:
    """Return the length of the body. Granian always sends Content-Length."""
    if status in (204, 304):
        return 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError(f"Response without Content-Length: {head!r}")
