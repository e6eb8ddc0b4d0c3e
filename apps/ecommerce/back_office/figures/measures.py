"""The values that make up the figures. Amounts are of one currency, in minor units."""

from dataclasses import dataclass, field

from apps.ecommerce.models import Product


@dataclass(slots=True)
class Money:
    sales: int = 0
    refunds: int = 0
    disputes: int = 0
    orders: int = 0

    @property
    def losses(self) -> int:
        return self.refunds + self.disputes

    @property
    def net(self) -> int:
        return self.sales - self.losses

    @property
    def average(self) -> int | None:
        return (2 * self.sales + self.orders) // (2 * self.orders) if self.orders else None


@dataclass(slots=True)
class Subscriptions:
    """Subscriptions that began and ended in a period, and those that ran at its end."""

    new: int = 0
    ended: int = 0
    running: int = 0
    mrr: dict[str, int] = field(default_factory=dict)  # currency ▶ minor units

    @property
    def churn(self) -> float | None:
        running_before = self.running - self.new + self.ended
        return self.ended / running_before if running_before > 0 else None


@dataclass(frozen=True, slots=True)
class Checkouts:
    started: int
    paid: int

    @property
    def conversion(self) -> float | None:
        return self.paid / self.started if self.started else None


@dataclass(frozen=True, slots=True)
class ProductSales:
    product: Product
    amount: int
    orders: int
