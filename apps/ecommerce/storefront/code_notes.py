"""Notes about how the visitor's discount code changes the prices of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from apps.ecommerce.models import DiscountCode, Product, Purchase
from apps.ecommerce.purchases.discount_codes.rules import Refusal, code_refusal, customer_id, price_refusal
from apps.ecommerce.purchases.discount_codes.texts import (
    duration_text,
    offer_text,
    refusal_text,
    short_code,
    terms,
)
from apps.ecommerce.purchases.upgrades import upgrade_credit
from apps.ecommerce.storefront.price_options import PriceOption
from apps.users.models import User

MAX_PRODUCT_NAMES = 3


@dataclass(frozen=True, slots=True)
class LinkCode:
    """A code from a link. `code` is None if the store does not know it."""

    text: str
    code: DiscountCode | None
    refusal: Refusal | None

    @classmethod
    def find(cls, text: str, user: User | None) -> LinkCode:
        code = DiscountCode.objects.find(text, customer_id(user) if user else "")
        return cls(code.code if code else text, code, code_refusal(code, user))

    @property
    def is_usable(self) -> bool:
        return self.refusal is None

    @property
    def shown_text(self) -> str:
        return short_code(self.text)

    @property
    def reason(self) -> str:
        return refusal_text(self.refusal, self.code) if self.refusal else ""

    @property
    def summary(self) -> str:
        """Return "20% off, subscriptions: for 3 months, only for Icon set"."""
        assert self.code
        parts = [terms(self.code)]
        if self.code.duration != DiscountCode.Duration.ONCE:
            parts.append(_("subscriptions: %(payments)s") % {"payments": duration_text(self.code)})
        if names := _product_names(self.code):
            parts.append(_("only for %(products)s") % {"products": names})
        if self.code.first_purchase_only:
            parts.append(_("only for a first purchase"))
        return ", ".join(parts)


def add_code_notes(options: Sequence[PriceOption], link_code: LinkCode | None) -> list[PriceOption]:
    """Return the options with a note about the code, each also in the other currencies."""
    if link_code is None or link_code.code is None or not link_code.is_usable:
        return list(options)
    return [_with_note(option, link_code.code) for option in options]


def upgrade_code_note(link_code: LinkCode | None, owned: Purchase | None) -> str:
    """Return why the code does not make an upgrade of the owned purchase cheaper, or ""."""
    if link_code is None or not link_code.is_usable or owned is None or not upgrade_credit(owned):
        return ""
    return f"{link_code.shown_text}: {refusal_text(Refusal.UPGRADE)}"


def _with_note(option: PriceOption, code: DiscountCode) -> PriceOption:
    variants = [replace(row, code_note=_note(row, code)) for row in option.in_currencies]
    return replace(option, code_note=_note(option, code), in_currencies=variants)


def _note(option: PriceOption, code: DiscountCode) -> str:
    price, currency, trial_days = option.price, option.currency, option.trial_days
    if currency not in price.amounts:
        return ""
    refusal = price_refusal(code, price, currency, trial_days)
    if refusal is None:
        return offer_text(code, price, currency, trial_days)
    return f"{short_code(code.code)}: {refusal_text(refusal, code, currency)}"


def _product_names(code: DiscountCode) -> str:
    if not code.product_ids:
        return ""
    names = list(Product.objects.filter(id__in=code.product_ids).values_list("name", flat=True))
    more = ["…"] if len(names) > MAX_PRODUCT_NAMES else []
    return ", ".join(names[:MAX_PRODUCT_NAMES] + more)
