import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from time import monotonic
from typing import Any

from apps.ecommerce.catalogue.image_download import MAX_SECONDS, DownloadTimeout
from apps.ecommerce.catalogue.images import ImageError, copy_image
from apps.ecommerce.catalogue.report import Report, label, printable
from apps.ecommerce.models import Product

MAX_TIMEOUTS = 3  # of one server, in one sync

logger = logging.getLogger(__name__)


def copy_images(row: Product, old: Mapping[str, Any], report: Report, seconds: float | None = None) -> None:
    """Set `row.copies`, reusing `old` ones. `seconds` limits the total time of all downloads."""
    deadline = monotonic() + seconds if seconds else None
    row.copies = {url: old.get(url) for url in row.images}
    for url in [url for url, copy in row.copies.items() if not copy]:
        left = min(deadline - monotonic(), MAX_SECONDS) if deadline else MAX_SECONDS
        try:
            row.copies[url] = _copy(url, left, report.timeouts)
        except ImageError as error:
            report.without_image.append(f"{label(row)}: {printable(url)}: {printable(error)}")
            logger.warning("Image could not be copied: %s", report.without_image[-1])


def _copy(url: str, seconds: float, timeouts: Counter[str]) -> dict[str, Any]:
    host = "".join(url.split("/")[2:3])
    if timeouts[host] >= MAX_TIMEOUTS:
        raise ImageError(f"its server timed out {MAX_TIMEOUTS} times")
    try:
        return asdict(copy_image(url, seconds))
    except ImageError as error:
        if isinstance(error.__cause__, DownloadTimeout):
            timeouts[host] += 1
        raise
