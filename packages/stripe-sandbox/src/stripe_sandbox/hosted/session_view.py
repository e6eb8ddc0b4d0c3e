"""A Checkout Session, with the values that the hosted page and the payment derive from it."""

from dataclasses import dataclass
from functools import cached_property

import stripe

from .. import clock, events, presentment, shapes, storage
from ..resources import coupons, invoices, price_amounts, session_items, session_options, subscriptions
from ..storage import Obj

# keys of `payment_intent_data` that the payment intent has under the same name
_INTENT_FIELDS = ("description", "metadata", "receipt_email", "setup_future_usage", "statement_descriptor",
                  "statement_descriptor_suffix", "shipping", "transfer_group")  # fmt: skip
_DAY = 86400


@dataclass(frozen=True)
class SessionView:
    """`session` is the Checkout Session, `hidden` the data that Stripe does not show."""

    session: Obj
    hidden: Obj

    @classmethod
    def load(cls, session_id: str) -> "SessionView | None":
        session = storage.get(session_id, "checkout.session")
        return cls(session, storage.get_hidden(session_id)) if session else None

    @property
    def mode(self) -> str:
        return str(self.session["mode"])

    @cached_property
    def rows(self) -> list[tuple[Obj, Obj, Obj]]:
        items = storage.find("item", parent=self.session["id"])
        return [(item, item["price"], storage.get(item["price"]["product"]) or {}) for item in items]

    @property
    def has_trial(self) -> bool:
        return session_items.has_trial(self.hidden.get("subscription_data"))

    @cached_property
    def offers(self) -> dict[str, Obj]:
        """Return the optional items that are not in the order yet, by their index."""
        taken = {storage.get_hidden(item["id"]).get("offer") for item, _, _ in self.rows}
        rows = enumerate(self.hidden.get("offers") or [])
        return {str(index): offer for index, offer in rows if index not in taken}

    def is_optional(self, item: Obj) -> bool:
        return "offer" in storage.get_hidden(item["id"])

    @property
    def asks_address(self) -> bool:
        return self.needs_card and self.session["billing_address_collection"] == "required"

    @cached_property
    def custom_amount(self) -> Obj | None:
        """Return minimum, maximum and preset if the buyer chooses the amount."""
        price = self.rows[0][1]
        custom: Obj | None = price_amounts.localize(price, self.session["currency"])["custom_unit_amount"]
        return custom

    @property
    def email(self) -> str:
        """Return the e-mail address; "" if the page must ask for it."""
        customer = storage.get(self.session["customer"] or "") or {}
        return customer.get("email") or self.session["customer_email"] or ""

    @property
    def trial_end(self) -> int | None:
        """Return when a trial that starts now ends (Unix seconds), or None."""
        data = self.hidden.get("subscription_data") or {}
        days = data.get("trial_period_days")
        return clock.now() + int(days) * _DAY if days else data.get("trial_end")

    @property
    def trial_days(self) -> int:
        return round((self.trial_end - clock.now()) / _DAY) if self.trial_end else 0

    @property
    def needs_card(self) -> bool:
        """Return False for free orders, and for trials that ask for the card later."""
        if self.session["amount_total"] or self.custom_amount:
            return True
        return self.mode == "subscription" and self.session["payment_method_collection"] != "if_required"

    @property
    def methods(self) -> list[str]:
        """Return the payment methods of the page. A SEPA debit is always in euros."""
        methods = list(self.session["payment_method_types"])
        return [method for method in methods if method == "card"] if self.presentment_currency else methods

    @property
    def presentment_currency(self) -> str:
        """Return the buyer's currency with Adaptive Pricing, or "" for that of the session."""
        return str(self.hidden.get("presentment_currency") or "")

    @property
    def presentment_fields(self) -> Obj:
        """Return `presentment_details` of the total, or {}."""
        total, currency = self.session["amount_total"], self.session["currency"]
        return presentment.build_fields(total, currency, self.presentment_currency)

    @property
    def saves_card(self) -> bool:
        return self.mode == "subscription" or bool(self.intent_fields.get("setup_future_usage"))

    @property
    def creates_customer(self) -> bool:
        return session_options.creates_customer(self.session)

    @property
    def intent_fields(self) -> Obj:
        if self.mode == "subscription":
            return {"description": "Subscription creation", "setup_future_usage": "off_session"}
        data = self.hidden.get("payment_intent_data") or {}
        return {name: data[name] for name in _INTENT_FIELDS if data.get(name)}

    def url(self, path: str) -> str:
        """Return the absolute URL of another page of the sandbox, on the buyer's host."""
        base = self.hidden.get("origin") or self.session["url"].rpartition("/checkout/")[0]
        return f"{base}/{path}"

    @property
    def taxed(self) -> bool:
        return bool(self.session["automatic_tax"]["enabled"])

    def redeem(self, customer: str | None, subscription: str | None = None) -> str:
        for applied in self.session["discounts"] or []:
            owner = {
                "customer": customer,
                "subscription": subscription,
                "checkout_session": self.session["id"],
            }
            discount = coupons.redeem(applied, self.session["currency"], **owner)
            if subscription:
                events.emit("customer.discount.created", discount)
            return str(discount["id"])
        return ""

    def create_subscription(self, customer: str | None, intent: Obj | None, method: Obj | None) -> Obj:
        """Create the subscription and its paid first invoice. Return the fields of the session about them."""
        data = self.hidden.get("subscription_data") or {}
        rows = [(price, item["quantity"] or 1) for item, price, _ in self.rows if price["recurring"]]
        one_time_items = [item for item, price, _ in self.rows if not price["recurring"]]
        fields = {
            name: data[name] for name in ("metadata", "description", "trial_settings") if data.get(name)
        }
        if self.presentment_currency:
            fields["presentment_details"] = {"presentment_currency": self.presentment_currency}
        fields["automatic_tax"] = shapes.fill(stripe.Subscription.AutomaticTax, enabled=self.taxed)
        subscription = subscriptions.new(
            customer or "",
            rows,
            method["id"] if method else None,
            self.trial_end,
            self.session["currency"],
            **fields,
        )
        if discount := self.redeem(customer, subscription["id"]):
            subscription = storage.update(subscription["id"], discounts=[discount])
        invoice = invoices.new(subscription, extra=one_time_items, customer_tax_ids=self._tax_ids)
        invoice = storage.update(invoice["id"], hosted_invoice_url=self.url(f"receipts/{invoice['id']}"))
        subscription = storage.update(subscription["id"], latest_invoice=invoice["id"])
        events.emit("customer.subscription.created", subscription)
        self._settle(invoice, intent)
        return {"subscription": subscription["id"], "invoice": invoice["id"]}

    def create_invoice(self, customer: str | None, intent: Obj | None, discount: str) -> Obj:
        requested = self.session["invoice_creation"]
        if not requested or not requested["enabled"]:
            return {}
        data = requested["invoice_data"]
        fields = {
            "description": data["description"],
            "footer": data["footer"],
            "metadata": data["metadata"] or {},
        }
        invoice = invoices.new_for_sale(
            customer,
            [item for item, _, _ in self.rows],
            discount,
            self.taxed,
            customer_tax_ids=self._tax_ids,
            **fields,
        )
        invoice = storage.update(invoice["id"], hosted_invoice_url=self.url(f"receipts/{invoice['id']}"))
        self._settle(invoice, intent)
        return {"invoice": invoice["id"]}

    @property
    def _tax_ids(self) -> list[Obj]:
        return list(storage.get_hidden(self.session["id"])["buyer"].get("tax_ids", []))

    def _settle(self, invoice: Obj, intent: Obj | None) -> None:
        events.emit("invoice.created", invoice)
        events.emit("invoice.finalized", invoice)
        paid_by = intent["id"] if intent and intent["object"] == "payment_intent" else None
        invoice = invoices.pay(invoice, paid_by)
        events.emit("invoice.paid", invoice)
        events.emit("invoice.payment_succeeded", invoice)
        for payment in storage.find("invoice_payment", ("invoice", "=", invoice["id"])):
            events.emit("invoice_payment.paid", payment)
