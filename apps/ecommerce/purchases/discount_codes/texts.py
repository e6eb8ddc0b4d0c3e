"""The texts for buyers about discount codes."""

from babel.numbers import format_percent
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy, ngettext, to_locale
from django.utils.translation import gettext as _

from apps.ecommerce.models import DiscountCode, Price
from apps.ecommerce.money import format_money
from apps.ecommerce.purchases.discount_codes.rules import Refusal, discounted

MAX_SHOWN = 40  # characters of what the visitor has entered

# A sentence each, except for MINIMUM.
REFUSALS: dict[Refusal, str | Promise] = {
    Refusal.UNKNOWN: gettext_lazy("We don't know this code. Please check the spelling."),
    Refusal.INACTIVE: gettext_lazy("It is no longer valid."),
    Refusal.EXPIRED: gettext_lazy("It has expired."),
    Refusal.USED_UP: gettext_lazy("It has been used up."),
    Refusal.OTHER_CUSTOMER: gettext_lazy("It is for another account."),
    Refusal.NOT_FIRST: gettext_lazy("It is for a first purchase only."),
    Refusal.UPGRADE: gettext_lazy("It can't be combined with the credit of an upgrade."),
    Refusal.STRIPE: gettext_lazy("It does not apply to this order."),
    Refusal.PRODUCT: gettext_lazy("It does not apply to this product."),
    Refusal.CURRENCY: gettext_lazy("It does not apply to prices in %(currency)s."),
    Refusal.CUSTOM_AMOUNT: gettext_lazy("It does not apply to prices that you choose yourself."),
    Refusal.FREE: gettext_lazy("The product is free without a code."),
    Refusal.TOO_SMALL: gettext_lazy("With the discount, the amount is too small to charge."),
    Refusal.ENDS_BEFORE_TRIAL: gettext_lazy("Its discount ends before your free trial."),
}


def refusal_text(refusal: Refusal, code: DiscountCode | None = None, currency: str = "") -> str:
    """Return why the code can't be used, as a sentence."""
    if refusal is not Refusal.MINIMUM:
        return str(REFUSALS[refusal]) % {"currency": currency.upper()}
    minimum = code.minimum_amounts.get(currency) if code else None
    if minimum is None:
        return str(REFUSALS[Refusal.CURRENCY]) % {"currency": currency.upper()}
    return _("It applies to orders from %(amount)s.") % {
        "amount": format_money(minimum, currency, short=True)
    }


def short_code(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def terms(code: DiscountCode, currency: str = "") -> str:
    """Return "20% off" or "$5 off"; without a currency, the amounts of all."""
    if code.percent_off is not None:
        locale = to_locale(get_language() or "en")
        off = format_percent(code.percent_off / 100, locale=locale, decimal_quantization=False)
        return _("%(amount)s off") % {"amount": off}
    # PostgreSQL does not keep the order of JSON keys.
    currencies = [currency] if currency in code.amounts_off else sorted(code.amounts_off)
    amounts = [format_money(code.amounts_off[name], name, short=True) for name in currencies]
    return _("%(amount)s off") % {"amount": " / ".join(amounts)}


def duration_text(code: DiscountCode) -> str:
    """Return which payments of a subscription the code reduces."""
    if code.duration == DiscountCode.Duration.FOREVER:
        return _("each payment")
    if code.duration == DiscountCode.Duration.ONCE:
        return _("the first payment")
    months = code.duration_in_months
    return ngettext("for %(n)d month", "for %(n)d months", months) % {"n": months}


def offer_text(code: DiscountCode, price: Price, currency: str, trial_days: int = 0) -> str:
    """Return "SUMMER: 20% off, at checkout you pay $23.20", for a price that the code reduces."""
    amount = discounted(code, price.amounts[currency], currency)
    values = {
        "code": code.code,
        "terms": terms(code, currency),
        "payments": duration_text(code),
        "amount": format_money(amount, currency, short=True),
    }
    if not price.is_recurring:
        if not amount:
            return _("%(code)s: %(terms)s, at checkout you pay nothing") % values
        return _("%(code)s: %(terms)s, at checkout you pay %(amount)s") % values
    if trial_days:
        return _("%(code)s: %(terms)s %(payments)s, %(amount)s after the free trial") % values
    if not amount:
        return _("%(code)s: %(terms)s %(payments)s, at checkout you pay nothing") % values
    return _("%(code)s: %(terms)s %(payments)s, at checkout you pay %(amount)s") % values
