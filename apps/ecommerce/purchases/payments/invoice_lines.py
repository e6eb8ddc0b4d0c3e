"""The lines of a subscription's invoices. https://docs.stripe.com/api/invoice-line-item/object"""

from apps.ecommerce.stripe_api.client import StripeData, fetch_pages, object_id


def fetch_lines(invoice: StripeData) -> list[StripeData]:
    """Return all lines, without charges that the same invoice credits: a change that was taken back before the invoice.

    An invoice has its first ten, with prorations before the plan.
    https://docs.stripe.com/api/invoices/object#invoice_object-lines
    """
    lines: list[StripeData] = invoice["lines"]["data"]
    if invoice["lines"]["has_more"]:
        lines = [line for page in fetch_pages(f"invoices/{invoice['id']}/lines") for line in page]
    return _without_credited_charges(lines)


def describe_lines(lines: list[StripeData]) -> str:
    """Return the descriptions of an invoice's lines, without credits. Stripe does not change them afterwards."""
    charged = [line for line in lines if line["amount"] >= 0] or lines
    return "\n".join(line["description"] for line in charged if line["description"])


def is_for_period(line: StripeData) -> bool:
    """Return whether the line is about a period of the subscription, and not a credit."""
    return bool(_line_details(line).get("subscription")) and line["amount"] >= 0


def find_plan_lines(
    lines: list[list[StripeData]], plan: StripeData, addons: list[StripeData]
) -> list[list[StripeData]]:
    """Return, for each invoice, its lines of the plan, or of a former one. Add-ons may have other periods.

    Before the first invoice of the plan's item there was a former plan; afterwards, other items are add-ons. An add-on
    may have the price of a former plan.
    https://docs.stripe.com/billing/subscriptions/mixed-interval
    """
    addon_ids, addon_prices = {item["id"] for item in addons}, {item["price"]["id"] for item in addons}
    billed = [keys for rows in lines for keys in map(_line_keys, rows) if plan["id"] in keys]
    plan_keys = {plan["id"], object_id(plan["price"]["product"])}.union(*billed)

    def has_addon_price(line: StripeData) -> bool:
        keys = _line_keys(line)
        return bool(keys & addon_prices) and plan["id"] not in keys

    found, was_billed = [], False
    for rows in reversed(lines):
        candidates = [line for line in rows if is_for_period(line) and not _line_keys(line) & addon_ids]
        others = [line for line in candidates if not has_addon_price(line)]
        plan_lines = [line for line in others if _line_keys(line) & plan_keys]
        found.append(plan_lines if was_billed else plan_lines or others or candidates)
        was_billed = was_billed or any(plan["id"] in _line_keys(line) for line in rows)
    return found[::-1]


def _without_credited_charges(lines: list[StripeData]) -> list[StripeData]:
    left = list(lines)
    for credit in [line for line in lines if line["amount"] < 0]:
        same = (_line_keys(credit), credit["period"]["end"], -credit["amount"])
        for line in left:
            if (_line_keys(line), line["period"]["end"], line["amount"]) == same:
                left.remove(line)
                left.remove(credit)
                break
    return left


def _line_keys(line: StripeData) -> set[str]:
    """Return the ids of the subscription item, price and product of an invoice line, as far as it has them."""
    details = (line["pricing"] or {}).get("price_details") or {}
    keys = (_line_details(line).get("subscription_item"), details.get("price"), details.get("product"))
    return {object_id(key) for key in keys if key}


def _line_details(line: StripeData) -> StripeData:
    parent = line["parent"] or {}
    return parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}
