"""What a row of goods comes to: discount first, then tax. Checkout Sessions and invoices reckon alike.

https://docs.stripe.com/payments/checkout/discounts and https://docs.stripe.com/tax/checkout
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from .storage import Obj

TAX_PERCENT = 10
"""The one rate that the sandbox's automatic tax knows, everywhere and for everything."""


@dataclass(frozen=True)
class Amounts:
    """One row, in minor units. `tax` is on top of the price, or inside it when the price is `inclusive` of tax."""

    subtotal: int
    discount: int = 0
    tax: int = 0
    inclusive: bool = False

    @property
    def total(self) -> int:
        return self.subtotal - self.discount + (0 if self.inclusive else self.tax)

    @property
    def taxable(self) -> int:
        """What the tax is reckoned from."""
        return self.subtotal - self.discount - (self.tax if self.inclusive else 0)


def reckon(rows: list[tuple[Obj, int]], coupon: Obj | None, taxed: bool) -> list[Amounts]:
    """Amounts of (price, subtotal) rows of one currency."""
    subtotals = [subtotal for _, subtotal in rows]
    discounts = _discounts(subtotals, coupon)
    found = []
    for (price, subtotal), discount in zip(rows, discounts, strict=True):
        inclusive = price["tax_behavior"] == "inclusive"
        tax = _tax(subtotal - discount, inclusive) if taxed else 0
        found.append(Amounts(subtotal, discount, tax, inclusive))
    return found


def _discounts(subtotals: list[int], coupon: Obj | None) -> list[int]:
    if coupon is None:
        return [0] * len(subtotals)
    if coupon["percent_off"]:
        percent = Decimal(str(coupon["percent_off"])) / 100
        return [_rounded(subtotal * percent) for subtotal in subtotals]
    left, whole, shares = min(coupon["amount_off"], sum(subtotals)), sum(subtotals), []
    for subtotal in subtotals:  # each its share of what is left, so that no cent is lost
        share = _rounded(Decimal(left) * subtotal / whole) if whole else 0
        shares.append(share)
        left, whole = left - share, whole - subtotal
    return shares


def _tax(amount: int, inclusive: bool) -> int:
    return _rounded(Decimal(amount) * TAX_PERCENT / (100 + TAX_PERCENT if inclusive else 100))


def _rounded(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))
