"""Copy a product's images to our own storage, and report those that can't be copied."""

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

MAX_TIMEOUTS = 3  # of one server in one run: a dead one would cost ten seconds for each product

logger = logging.getLogger(__name__)


def keep_images(row: Product, kept: Mapping[str, Any], report: Report, seconds: float | None = None) -> bool:
    """Copy the product's images, so that shoppers load none from Stripe. Earlier copies are kept.

    Return whether the copies differ from those in `kept`. `seconds` limits the time of all downloads together.
    """
    ends = monotonic() + seconds if seconds else None
    row.copies = {}
    for url in row.images:
        left = min(ends - monotonic(), MAX_SECONDS) if ends else MAX_SECONDS
        try:
            row.copies[url] = _copy(url, kept.get(url), left, report.timeouts)
        except ImageError as error:
            row.copies[url] = kept.get(url)
            report.without_image.append(f"{row_label(row)}: {printable(url)}: {printable(error)}")
            logger.warning("No image for %s", report.without_image[-1])
    return bool(row.copies != kept)


def _copy(url: str, kept: dict[str, Any] | None, seconds: float, timeouts: Counter[str]) -> dict[str, Any]:
    """Looks again at our own static files, which costs nothing, and at what was copied before there were widths."""
    if kept and kept["widths"]:
        return kept
    host = url.split("/")[2:3]
    if host and timeouts[host[0]] >= MAX_TIMEOUTS:
        raise ImageError(f"its server did not answer in time for {MAX_TIMEOUTS} others")
    try:
        return asdict(local_copy(url, seconds))
    except ImageError as error:
        if host and isinstance(error.__cause__, DownloadTimeout):
            timeouts[host[0]] += 1
        raise
