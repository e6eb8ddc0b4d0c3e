"""What the control panel can turn to make the sandbox's webhooks misbehave, kept in the sandbox's file."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from . import storage


@dataclass(frozen=True)
class Switches:
    """All off is how Stripe behaves on a good day."""

    delay_seconds: float = 0
    """Hold every new webhook back this long."""
    late_seconds: float = 0
    """The hosted page sends the buyer back at once and confirms the payment this much later."""
    duplicate: bool = False
    """Send every webhook twice."""
    reorder: bool = False
    """Gather a second's worth of webhooks and send the newest first."""
    drop: list[str] = field(default_factory=list)
    """Never send events of these types; "*" is all, "charge.*" a group."""
    fail_next_n: int = 0
    """Let the next n attempts fail without reaching the endpoint; Stripe's retries then deliver them."""
    api_status: int = 0
    """Answer API requests with this error: 429 or 500."""
    api_times: int = 0
    """How many API requests to answer so."""
    api_delay_seconds: float = 0
    """Answer every API request this much later."""
    after_retries: str = "canceled"
    """What a subscription becomes when the last attempt to charge it has failed: canceled, unpaid or past_due."""


def current() -> Switches:
    """The switches as they stand."""
    return Switches(**storage.setting("switches", {}))


def turn(**changes: Any) -> Switches:
    """Change some switches. Raises TypeError for a name that isn't one."""
    with storage.transaction():
        switches = replace(current(), **changes)
        storage.set_setting("switches", asdict(switches))
    return switches


def take_failure() -> bool:
    """Whether this attempt must fail, counting fail_next_n down."""
    with storage.transaction():
        left = current().fail_next_n
        if left > 0:
            turn(fail_next_n=left - 1)
    return left > 0


def take_api_error() -> int:
    """Return the status that this API request has to be answered with, 0 for none, counting api_times down."""
    if not current().api_times:  # one read and no lock
        return 0
    with storage.transaction():
        now = current()
        if now.api_times > 0:
            turn(api_times=now.api_times - 1)
    return now.api_status if now.api_times > 0 else 0
