"""Faults to switch on in the control panel: late, lost or repeated webhooks, and API errors."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from . import storage


@dataclass(frozen=True)
class Switches:
    delay_seconds: float = 0
    """Delay every new webhook."""
    late_seconds: float = 0
    """Redirect the buyer at once and confirm the payment this much later."""
    duplicate: bool = False
    """Send every webhook twice."""
    reorder: bool = False
    """Collect webhooks for one second and send the newest first."""
    drop: list[str] = field(default_factory=list)
    """Never send events of these types; "*" is all, "charge.*" a group."""
    fail_next_n: int = 0
    """Fail the next n attempts without calling the endpoint; retries then deliver them."""
    api_status: int = 0
    """Answer API requests with this error: 429 or 500."""
    api_times: int = 0
    """Number of API requests that fail with api_status."""
    api_delay_seconds: float = 0
    """Delay every API response."""
    presentment_currency: str = ""
    """Turn on Adaptive Pricing: buyers are in a country with this currency. "" turns it off for new sessions."""
    after_retries: str = "canceled"
    """A subscription's status after the last failed payment attempt: canceled, unpaid or past_due."""


def current() -> Switches:
    return Switches(**storage.get_setting("switches", {}))


def change(**changes: Any) -> Switches:
    with storage.transaction():
        switches = replace(current(), **changes)
        storage.set_setting("switches", asdict(switches))
    return switches


def consume_failure() -> bool:
    with storage.transaction():
        left = current().fail_next_n
        if left > 0:
            change(fail_next_n=left - 1)
    return left > 0


def consume_api_error() -> int:
    """Return the status of the error that this API request must get, and decrement api_times; 0 for none."""
    if not current().api_times:  # this check needs no write lock
        return 0
    with storage.transaction():
        now = current()
        if now.api_times > 0:
            change(api_times=now.api_times - 1)
    return now.api_status if now.api_times > 0 else 0
