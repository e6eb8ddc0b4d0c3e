"""Copy a product's images to our storage, and report those that can't be copied."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from time import monotonic
from typing import Any

from apps.ecommerce.catalogue.image_download import MAX_SECONDS, DownloadTimeout
from apps.ecommerce.catalogue.images import ImageError, local_copy
from apps.ecommerce.catalogue.report import Report, printable, row_label
from apps.ecommerce.models import Product

MAX_TIMEOUTS = 3  # of one server in one sync

logger = logging.getLogger(__name__)


def copy_images(row: Product, kept: Mapping[str, Any], report: Report, seconds: float | None = None) -> None:
    """Set `row.copies`: our copies of the product's images. Earlier copies in `kept` are not made again.

    `seconds` limits the time of all downloads together.
    """
    deadline = monotonic() + seconds if seconds else None
    row.copies = {}
    for url in row.images:
        left = min(deadline - monotonic(), MAX_SECONDS) if deadline else MAX_SECONDS
        try:
            row.copies[url] = _copy(url, kept.get(url), left, report.timeouts)
        except ImageError as error:
            row.copies[url] = kept.get(url)
            report.without_image.append(f"{row_label(row)}: {printable(url)}: {printable(error)}")
            logger.warning("No image for %s", report.without_image[-1])


def _copy(url: str, kept: dict[str, Any] | None, seconds: float, timeouts: Counter[str]) -> dict[str, Any]:
    """Return the kept copy, or make one. Our own static files have no widths; their size is read each time."""
    if kept and kept["widths"]:
        return kept
    host = "".join(url.split("/")[2:3])
    if timeouts[host] >= MAX_TIMEOUTS:
        raise ImageError(f"its server timed out {MAX_TIMEOUTS} times")
    try:
        return asdict(local_copy(url, seconds))
    except ImageError as error:
        if isinstance(error.__cause__, DownloadTimeout):
            timeouts[host] += 1
        raise
