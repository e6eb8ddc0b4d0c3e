"""Compute discounts, then taxes, of Checkout Sessions and invoices.

https://docs.stripe.com/payments/checkout/discounts and https://docs.stripe.com/tax/checkout
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from .storage import Obj

TAX_PERCENT = 10  # automatic tax of all products and countries


@dataclass(frozen=True)
class Amounts:
    """Amounts of one line in minor units. The price contains `tax` if `inclusive` is true."""

    subtotal: int
    discount: int = 0
    tax: int = 0
    inclusive: bool = False

    @property
    def total(self) -> int:
        return self.subtotal - self.discount + (0 if self.inclusive else self.tax)

    @property
    def taxable(self) -> int:
        return self.subtotal - self.discount - (self.tax if self.inclusive else 0)


def compute_amounts(
    rows: list[tuple[Obj, int]], coupon: Obj | None, taxed: bool, discountable: Sequence[bool] = ()
) -> list[Amounts]:
    """Return the amounts of (price, subtotal) lines, which have one currency. By default, all are discountable.

    A coupon with `products` reduces only their lines.
    """
    products = (coupon or {}).get("products")
    discounts = _discounts(
        [
            subtotal if allowed and (not products or price["product"] in products) else 0
            for (price, subtotal), allowed in zip(rows, discountable or [True] * len(rows), strict=True)
        ],
        coupon,
    )
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
        return [_round(subtotal * percent) for subtotal in subtotals]
    left, whole, shares = min(coupon["amount_off"], sum(subtotals)), sum(subtotals), []
    for subtotal in subtotals:  # a share of what is left, so that rounding loses no cent
        share = _round(Decimal(left) * subtotal / whole) if whole else 0
        shares.append(share)
        left, whole = left - share, whole - subtotal
    return shares


def _tax(amount: int, inclusive: bool) -> int:
    return _round(Decimal(amount) * TAX_PERCENT / (100 + TAX_PERCENT if inclusive else 100))


def prorate(amount: int, part: int, whole: int) -> int:
    """Return the share of the amount for `part` of `whole` seconds."""
    return _round(Decimal(amount) * part / whole)


def _round(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))
