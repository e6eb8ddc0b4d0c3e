"""The site's addresses, and the yardstick: /bench/<name>/ gives a prepared answer and does nothing else."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path

from config.urls import handler400, handler403, handler404, handler500, urlpatterns

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


def bare(request: HttpRequest, name: str) -> HttpResponse:
    body, headers, status = _answer(name)
    return HttpResponse(body, headers=headers, status=status)


@cache
def _answer(name: str) -> tuple[bytes, dict[str, str], int]:
    """What the benchmark got from the real page, written down beside the database."""
    place = Path(settings.VAR_DIR, "bare")
    head = json.loads((place / f"{name}.json").read_text())
    return (place / f"{name}.body").read_bytes(), head["headers"], head["status"]


# First, so that finding it costs nothing.
urlpatterns = [path("bench/<slug:name>/", bare), *urlpatterns]
