"""The request headers that the shop gets from each proxy.

Fly: https://fly.io/docs/networking/request-headers/. Render: Cloudflare, then Render's router, as seen in the logs of
its services. `sent` are the client's headers, which may be forged.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import environ
import yaml

Headers = dict[str, str]
# (the client's IP address, its headers) ▶ (headers, IP address) that the shop gets
Proxy = Callable[[str, Headers], tuple[Headers, str]]


def _without(sent: Headers, *names: str) -> Headers:
    dropped = {name.lower() for name in names}
    return {name: value for name, value in sent.items() if name.lower() not in dropped}


def _forwarded_for(sent: Headers, *addresses: str) -> str:
    return ", ".join([*filter(None, [sent.get("X-Forwarded-For", "")]), *addresses])


def caddy(client: str, sent: Headers) -> tuple[Headers, str]:
    """Replace all X-Forwarded-* headers."""
    headers = _without(sent, "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")
    added = {"X-Forwarded-For": client, "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example.com"}
    return {**headers, **added}, "127.0.0.1"


def nginx(client: str, sent: Headers) -> tuple[Headers, str]:
    """Add to X-Forwarded-For with $proxy_add_x_forwarded_for, as in most examples."""
    headers = _without(sent, "X-Forwarded-For", "X-Forwarded-Proto")
    return {
        **headers,
        "X-Forwarded-For": _forwarded_for(sent, client),
        "X-Forwarded-Proto": "https",
    }, "127.0.0.1"


def fly(client: str, sent: Headers) -> tuple[Headers, str]:
    added = {
        "Fly-Client-IP": client,
        "Fly-Forwarded-Port": "443",
        "Fly-Region": "fra",
        "X-Forwarded-For": _forwarded_for(sent, client, "66.241.125.10"),
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Ssl": "on",
        "Via": "2 fly.io",
    }
    return {**_without(sent, *added), **added}, "172.16.5.34"


def render(client: str, sent: Headers) -> tuple[Headers, str]:
    added = {
        "CDN-Loop": "cloudflare; loops=1",
        "CF-Connecting-IP": client,
        "CF-Ray": "98687b033a1370f3-CMH",
        "CF-Visitor": '{"scheme":"https"}',
        "Render-Proxy-TTL": "4",
        "Rndr-Id": "480b6296-c19d-40c1",
        "True-Client-IP": client,
        "X-Forwarded-For": _forwarded_for(sent, client, "104.23.243.81", "10.226.151.1"),
        "X-Forwarded-Proto": "https",
        "X-Request-Start": "1759117450801923",
    }
    return {**_without(sent, *added), **added}, "10.226.44.7"


PROXIES: Mapping[str, Proxy] = {"caddy": caddy, "nginx": nginx, "fly": fly, "render": render}


def through(proxy: Proxy, client: str, sent: Headers | None = None) -> dict[str, Any]:
    """Return the arguments of Django's test client for a request through a proxy.

    The proxies drop names with underscores (tests/soak/test_behind_proxies.py tests the real ones). Granian drops none,
    so stripe_doctor reports whether they arrive.
    """
    headers, address = proxy(client, sent or {})
    passed = {name: value for name, value in headers.items() if "_" not in name}
    return {"headers": passed, "REMOTE_ADDR": address}


DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
NAMES = ("BEHIND_TLS_PROXY", "TRUSTED_PROXIES", "CLIENT_IP_HEADER")


def shipped_environment(proxy: str) -> dict[str, str]:
    """Return the environment variables that the files in deploy/ set behind this proxy."""
    if proxy == "fly":
        return dict(tomllib.loads((DEPLOY / "fly.toml").read_text())["env"])
    if proxy == "render":
        (group,) = yaml.safe_load((DEPLOY / "render.yaml").read_text())["envVarGroups"]
        return {row["key"]: row["value"] for row in group["envVars"]}
    lines = (DEPLOY / "production.env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line.startswith(NAMES))


def configure(settings: Any, values: dict[str, str]) -> None:
    env = environ.Env()
    env.ENVIRON = values
    assert env.bool("BEHIND_TLS_PROXY")
    settings.TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=1)
    settings.CLIENT_IP_HEADER = env.str("CLIENT_IP_HEADER", default="")
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
