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
