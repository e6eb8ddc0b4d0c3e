"""A load generator that costs the server little: raw sockets, requests written beforehand, one thread.

It keeps `connections` requests under way, each on a connection that stays open, and looks at nothing of an answer but
its status and its length. On a machine of two cores it needs about a tenth of what the server needs.
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

PATIENCE_SECONDS = 30
END_OF_HEAD = b"\r\n\r\n"


@dataclass
class Result:
    """What came back: seconds of each answer, in the order of arrival, and how many of each status."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, of_hundred: int) -> float:
        return quantiles(self.latencies, n=100)[of_hundred - 1]


def request(
    port: int, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> bytes:
    """An HTTP/1.1 request as bytes; a POST if there is a body."""
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def run_for(port: int, requests: list[bytes], seconds: float, connections: int = 8) -> Result:
    """These requests in turn, again and again, for so long."""
    deadline = time.perf_counter() + seconds
    endless = cycle(requests)
    return _run(
        port, iter(lambda: next(endless) if time.perf_counter() < deadline else b"", b""), connections
    )


def run_all(port: int, requests: list[bytes], connections: int = 8) -> Result:
    """Each of these requests once."""
    return _run(port, iter(requests), connections)


@dataclass
class _Line:
    """One connection with the answer that is arriving on it."""

    socket: socket.socket
    asked_at: float = 0.0
    missing: int = -1  # bytes of the answer; -1 until its head is there
    head: bytes = b""
    status: int = 0

    def ask(self, data: bytes) -> None:
        self.asked_at, self.missing, self.head = time.perf_counter(), -1, b""
        self.socket.sendall(data)

    def take(self) -> bool:
        """Reads what is there; whether the answer is complete. Raises ConnectionError when the server hung up."""
        data = self.socket.recv(262_144)
        if not data:
            raise ConnectionError("The server closed a connection in the middle.")
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
    with selectors.DefaultSelector() as busy:
        started = time.perf_counter()
        for data in _first(requests, connections):
            line = _Line(socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS))
            line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            busy.register(line.socket, selectors.EVENT_READ, line)
            line.ask(data)
        while busy.get_map():
            ready = busy.select(PATIENCE_SECONDS)
            if not ready:
                raise TimeoutError(f"No answer for {PATIENCE_SECONDS} seconds.")
            for key, _mask in ready:
                _serve(key.data, busy, requests, result)
        result.seconds = time.perf_counter() - started
    return result


def _serve(line: _Line, busy: selectors.BaseSelector, requests: Iterator[bytes], result: Result) -> None:
    if not line.take():
        return
    result.latencies.append(time.perf_counter() - line.asked_at)
    result.statuses[line.status] += 1
    if data := next(requests, b""):
        line.ask(data)
    else:
        busy.unregister(line.socket)
        line.socket.close()


def _first(requests: Iterator[bytes], count: int) -> Iterator[bytes]:
    for _ in range(count):
        if data := next(requests, b""):
            yield data


def _length(head: bytes, status: int) -> int:
    """How long the body is. Granian says so in every answer that has one."""
    if status in (204, 304):
        return 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError(f"An answer without Content-Length: {head!r}")
