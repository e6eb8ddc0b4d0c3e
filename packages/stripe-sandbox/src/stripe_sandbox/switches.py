"""Faults to switch on in the control panel: late, lost or repeated webhooks, and API errors."""

from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
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
    """Answer API requests with this HTTP status, 400 to 599."""
    api_times: int = 0
    """Number of API requests that fail with api_status."""
    api_path: str = ""
    """Only requests that match: "/v1/prices", "POST /v1/checkout/sessions" or "/v1/prices/*". "" is all."""
    api_code: str = ""
    """Error code of these responses, such as "amount_too_small"."""
    api_message: str = ""
    """Error message of these responses."""
    api_delay_seconds: float = 0
    """Delay every API response."""
    presentment_currency: str = ""
    """Turn on Adaptive Pricing: buyers are in a country with this currency. "" turns it off for new sessions."""
    cannot_charge: bool = False
    """The account is not activated: refuse Checkout Sessions, subscriptions and payments."""
    no_business_name: bool = False
    """The account has no name: refuse Checkout Sessions."""
    low_balance: bool = False
    """The account's balance covers no refund: new refunds of card payments stay pending."""
    missing_permissions: list[str] = field(default_factory=list)
    """Permissions that the API key lacks, as that of a restricted key: "checkout_session_write"."""
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


def consume_api_error(method: str, path: str) -> Switches | None:
    """Return the switches if this API request must fail with api_status, and decrement api_times; else None."""
    if not _is_api_error_due(current(), method, path):  # reading first takes no write lock
        return None
    with storage.transaction():
        now = current()
        if not _is_api_error_due(now, method, path):
            return None
        change(api_times=now.api_times - 1)
    return now


def _is_api_error_due(switches: Switches, method: str, path: str) -> bool:
    pattern = switches.api_path or "*"
    return switches.api_times > 0 and (fnmatchcase(path, pattern) or fnmatchcase(f"{method} {path}", pattern))
