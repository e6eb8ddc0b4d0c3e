"""The results of reconcile_purchases."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import stripe

from apps.core.log_filters import redact
from apps.ecommerce.purchases.restored_backup import is_catching_up

logger = logging.getLogger(__name__)

MAX_SERVER_ERRORS = 10  # in each run; with more of them, it is Stripe that fails and not one object


@dataclass
class ReconcileReport:
    """The results of a run; in a dry run, what it would do."""

    since: datetime
    dry_run: bool
    progress: Callable[[str], None]
    last_event: datetime | None  # time of the last event before this run
    compared: int = 0  # number of objects at Stripe
    repaired: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    repairs: dict[str, str] = field(default_factory=dict)  # object and version ▶ line of the alert
    events: int = 0
    late_events: int = 0  # events that are older than IN_TRANSIT_SECONDS
    unsent_mails: int = 0
    failed_receivers: int = 0
    failures: list[str] = field(default_factory=list)
    server_errors: list[stripe.APIError] = field(default_factory=list)  # Stripe's responses with status 5xx
    after_restore: bool = field(default_factory=is_catching_up)

    def __str__(self) -> str:
        would_be = "would be " if self.dry_run else ""
        return (
            f"Compared {self.compared} objects: {len(self.repaired)} {would_be}repaired, "
            f"{len(self.found)} unknown until now, {self.events} undelivered events {would_be}processed, "
            f"{self.unsent_mails} e-mails still unsent, {self.failed_receivers} receivers still failing, "
            f"{len(self.failures)} errors."
        )

    def add_repair(self, order_number: str, version: int, change: str) -> None:
        line = f"{order_number}: {change}"
        self.repaired.append(line)
        self.repairs[f"{order_number} v{version}"] = line

    def add_found(self, stripe_id: str, line: str) -> None:
        self.found.append(line)
        self.repairs[stripe_id] = redact(line)  # the id of a Checkout Session opens it

    def attempt(self, name: str, act: Callable[..., object], *arguments: Any) -> bool:
        """Call `act`, and return whether it was successful. Report an error, and go on with the next object.

        Raise it if all further requests to Stripe would fail.
        """
        try:
            act(*arguments)
        except (stripe.APIConnectionError, stripe.AuthenticationError, stripe.RateLimitError):
            raise
        except Exception as error:
            if isinstance(error, stripe.APIError):
                self.server_errors.append(error)
            if len(self.server_errors) > MAX_SERVER_ERRORS:
                raise
            logger.exception("reconcile_purchases failed at %s", name)
            self.failures.append(f"{name}: {error}")
            return False
        return True
