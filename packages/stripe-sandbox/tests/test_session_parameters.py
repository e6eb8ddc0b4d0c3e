"""Every supported parameter of Checkout Sessions has an effect that a buyer or the store sees."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import stripe
from django.test import Client
from test_checkout_page import VISA, field_errors, pay

from stripe_sandbox import storage
from stripe_sandbox.resources import session_params
from stripe_sandbox.testing import Sandbox

SUCCESS = "https://shop.example/thanks"
META = {"order": "7"}


class Shop:
    """A session with some parameters, its page, and the session after a payment."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.v1, self.buyer = sandbox, sandbox.client.v1, Client()
        self.price = str(sandbox.product("Icon set", 1900).default_price)
        self.monthly = str(sandbox.product("Club", 900, recurring={"interval": "month"}).default_price)
        self.customer = self.v1.customers.create({"email": "eve@example.com", "name": "Eve"}).id

    def open(self, price: str = "", **params: Any) -> Any:
        mode = "subscription" if price == self.monthly else "payment"
        line = {"price": price or self.price, "quantity": 1}
        return self.v1.checkout.sessions.create(
            {"mode": mode, "success_url": SUCCESS, "line_items": [line], **params}
        )

    def page(self, session: Any, **headers: str) -> str:
        return self.buyer.get(
            f"/stripe-sandbox/checkout/{session.id}", headers=headers or None
        ).content.decode()

    def paid(self, session: Any, *expand: str, **form: str) -> Any:
        response = pay(self.buyer, session, VISA, **form)
        assert response.status_code == 303, field_errors(response.content.decode())
        return self.v1.checkout.sessions.retrieve(session.id, {"expand": list(expand)})

    def errors(self, session: Any, **form: str) -> list[str]:
        return field_errors(pay(self.buyer, session, VISA, **form).content.decode())


def check_mode(shop: Shop) -> None:
    assert shop.paid(shop.open(shop.monthly)).subscription


def check_urls(shop: Shop) -> None:
    session = shop.open(cancel_url="https://shop.example/cart")
    assert 'href="https://shop.example/cart"' in shop.page(session)
    assert pay(shop.buyer, session)["Location"] == SUCCESS


def check_currency(shop: Shop) -> None:
    assert shop.open(currency="USD").currency == "usd"
    with pytest.raises(stripe.InvalidRequestError, match="doesn't match the expected currency: `eur`"):
        shop.open(currency="eur")


def check_references(shop: Shop) -> None:
    session = shop.open(client_reference_id="o-1", metadata=META, integration_identifier="i-1")
    assert (session.client_reference_id, session.metadata["order"]) == ("o-1", "7")
    assert session.integration_identifier == "i-1"


def check_customer(shop: Shop) -> None:
    session = shop.open(customer=shop.customer, customer_update={"name": "auto", "address": "auto"})
    assert "eve@example.com" in shop.page(session)
    assert shop.paid(session).customer == shop.customer
    customer: Any = shop.v1.customers.retrieve(shop.customer)
    assert (customer.name, customer.address.postal_code, customer.address.line1) == (
        "Ada Lovelace",
        "10001",
        None,
    )


def check_customer_email(shop: Shop) -> None:
    session = shop.open(customer_email="bob@example.com", customer_creation="always")
    assert 'value="bob@example.com" readonly' in shop.page(session)
    assert shop.v1.customers.retrieve(shop.paid(session).customer).email == "bob@example.com"


def check_payment_method_collection(shop: Shop) -> None:
    trial = {"trial_period_days": 7}
    assert 'id="cardNumber"' in shop.page(shop.open(shop.monthly, subscription_data=trial))
    free = shop.open(shop.monthly, subscription_data=trial, payment_method_collection="if_required")
    assert 'id="cardNumber"' not in shop.page(free)


def check_billing_address(shop: Shop) -> None:
    assert "billingAddressLine1" not in shop.page(shop.open(billing_address_collection="auto"))
    session = shop.open(billing_address_collection="required")
    assert '<option value="IL">Illinois</option>' in shop.page(session)
    assert shop.errors(session) == ["Required"] * 3
    address = {
        "billingAddressLine1": "1 Main St",
        "billingLocality": "Springfield",
        "billingAdministrativeArea": "IL",
    }
    details = shop.paid(session, **address).customer_details
    assert details.address.to_dict() == {
        "city": "Springfield", "country": "US", "line1": "1 Main St", "line2": None, "postal_code": "10001",
        "state": "IL",
    }  # fmt: skip


def check_locale(shop: Shop) -> None:
    german, french = shop.open(locale="de"), shop.open(shop.monthly, locale="fr-CA")
    assert 'lang="de"' in shop.page(german)
    assert "19,00\xa0$ bezahlen" in shop.page(german)
    assert shop.errors(german, cardNumber="4000 0000 0000 0002") == ["Deine Karte wurde abgelehnt."]
    assert "S&#x27;abonner" in shop.page(french)
    assert 'lang="en"' in shop.page(shop.open(locale="ja"))  # the page is not translated into Japanese
    automatic = shop.open(locale="auto")
    assert 'lang="fr"' in shop.page(automatic, accept_language="ja, fr;q=0.8, en;q=0.5")
    assert 'lang="en"' in shop.page(automatic)


def check_expiry(shop: Shop) -> None:
    soon = int(time.time()) + 3600
    assert shop.open(expires_at=soon).expires_at == soon


def check_submit_type(shop: Shop) -> None:
    for submit_type, text in (
        ("book", "Book"),
        ("donate", "Donate"),
        ("pay", "Pay $19.00"),
        ("auto", "Pay $19.00"),
    ):
        assert f'class="SubmitButton-Text">{text}</span>' in shop.page(shop.open(submit_type=submit_type))
    with pytest.raises(stripe.InvalidRequestError):
        shop.open(shop.monthly, submit_type="donate")


def check_ui_mode(shop: Shop) -> None:
    assert shop.open(ui_mode="hosted_page", managed_payments={"enabled": False}).url


def check_adaptive_pricing(shop: Shop) -> None:
    session = shop.open(customer_email="ada+location_FR@example.com", adaptive_pricing={"enabled": True})
    assert shop.paid(session).presentment_details.presentment_currency == "eur"


def check_discounts(shop: Shop) -> None:
    coupon = shop.v1.coupons.create({"percent_off": 50, "duration": "once"}).id
    code: Any = shop.v1.promotion_codes.create(
        {"promotion": {"type": "coupon", "coupon": coupon}, "code": "HALF"}
    )
    for discount in ({"coupon": coupon}, {"promotion_code": code.id}):
        assert shop.open(discounts=[discount]).amount_total == 950
    session = shop.open(allow_promotion_codes=True)
    pay(shop.buyer, session, promotionCode="HALF")
    assert shop.paid(session).amount_total == 950


def check_tax(shop: Shop) -> None:
    session = shop.open(automatic_tax={"enabled": True}, tax_id_collection={"enabled": True})
    assert session.total_details.amount_tax == 190
    paid = shop.paid(session, businessName="Ada Ltd", taxId="DE123456789")
    assert paid.customer_details.tax_ids[0].value == "DE123456789"


def check_invoice(shop: Shop) -> None:
    data = {"description": "Thanks", "footer": "VAT", "metadata": META}
    invoice = shop.paid(
        shop.open(invoice_creation={"enabled": True, "invoice_data": data}), "invoice"
    ).invoice
    assert (invoice.description, invoice.footer, invoice.metadata["order"]) == ("Thanks", "VAT", "7")


def check_methods(shop: Shop) -> None:
    euro = str(shop.sandbox.product(currency="eur").default_price)
    assert 'id="iban"' in shop.page(shop.open(euro))
    assert 'id="iban"' not in shop.page(shop.open(euro, allowed_payment_method_types=["card"]))
    assert 'id="iban"' not in shop.page(shop.open(euro, excluded_payment_method_types=["sepa_debit"]))


def check_saved_methods(shop: Shop) -> None:
    options = {"payment_method_save": "enabled", "payment_method_remove": "enabled"}
    session = shop.open(customer=shop.customer, saved_payment_method_options=options)
    assert 'name="savePaymentMethod"' in shop.page(session)
    shop.paid(session, savePaymentMethod="on")
    (saved,) = shop.v1.customers.payment_methods.list(shop.customer).data
    later = shop.open(customer=shop.customer, saved_payment_method_options=options)
    assert f'value="{saved.id}" checked' in shop.page(later)
    assert f'value="forget:{saved.id}"' in shop.page(later)
    options = {"allow_redisplay_filters": ["limited"]}
    later = shop.open(customer=shop.customer, saved_payment_method_options=options)
    assert saved.id not in shop.page(later)


def check_payment_method_data(shop: Shop) -> None:
    data = {"allow_redisplay": "unspecified"}
    shop.paid(shop.open(shop.monthly, customer=shop.customer, payment_method_data=data))
    (saved,) = shop.v1.customers.payment_methods.list(shop.customer).data
    assert saved.allow_redisplay == "unspecified"


def check_phone(shop: Shop) -> None:
    session = shop.open(phone_number_collection={"enabled": True}, customer_creation="always")
    assert shop.errors(session) == ["Required"]
    assert shop.errors(session, phoneNumber="call me") == ["Your phone number is invalid."]
    paid = shop.paid(session, phoneNumber="+1 555 0100 200")
    assert paid.customer_details.phone == "+1 555 0100 200"
    assert shop.v1.customers.retrieve(paid.customer).phone == "+1 555 0100 200"


def check_custom_fields(shop: Shop) -> None:
    label = {"type": "custom", "custom": "Engraving"}
    options = [{"label": "Small", "value": "s"}, {"label": "Large", "value": "l"}]
    fields = [
        {
            "key": "engraving",
            "type": "text",
            "label": label,
            "text": {"maximum_length": 5, "default_value": "Ada"},
        },
        {"key": "age", "type": "numeric", "label": label, "optional": True},
        {"key": "size", "type": "dropdown", "label": label, "dropdown": {"options": options}},
    ]
    session = shop.open(custom_fields=fields)
    assert "Engraving" in shop.page(session)
    assert shop.errors(session, **{"customField-engraving": "too long", "customField-age": "old"}) == [
        "The value is invalid.", "The value is invalid.", "Required",
    ]  # fmt: skip
    paid = shop.paid(session, **{"customField-engraving": "Bob", "customField-size": "l"})
    assert [field[field.type].value for field in paid.custom_fields] == ["Bob", None, "l"]


def check_consent(shop: Shop) -> None:
    hidden = {"payment_method_reuse_agreement": {"position": "hidden"}}
    assert "By confirming" in shop.page(shop.open(shop.monthly))
    assert "By confirming" not in shop.page(shop.open(shop.monthly, consent_collection=hidden))
    session = shop.open(consent_collection={"terms_of_service": "required", "promotions": "auto"})
    assert shop.errors(session) == ["Required"]
    consent = shop.paid(session, termsOfServiceConsentCheckbox="on").consent
    assert (consent.terms_of_service, consent.promotions) == ("accepted", "opt_out")


def check_recovery(shop: Shop) -> None:
    recovery = {"enabled": True, "allow_promotion_codes": True}
    session = shop.open(after_expiration={"recovery": recovery}, metadata=META)
    assert session.after_expiration.recovery.url is None
    expired: Any = shop.v1.checkout.sessions.expire(session.id)
    recovery_url = expired.after_expiration.recovery.url
    response = shop.buyer.get(recovery_url.removeprefix("http://127.0.0.1:8000"))
    new: Any = shop.v1.checkout.sessions.retrieve(response["Location"].rpartition("/")[2])
    assert (new.status, new.recovered_from, new.metadata["order"]) == ("open", session.id, "7")
    assert (new.amount_total, new.allow_promotion_codes) == (1900, True)
    assert shop.paid(new).payment_status == "paid"
    unrecoverable = shop.v1.checkout.sessions.expire(shop.open().id)
    assert unrecoverable.after_expiration is None


def check_custom_text(shop: Shop) -> None:
    texts = {"submit": "Ships today", "after_submit": "See you", "terms_of_service_acceptance": "I accept"}
    session = shop.open(
        custom_text={name: {"message": text} for name, text in texts.items()},
        consent_collection={"terms_of_service": "required"},
    )
    html = shop.page(session)
    assert all(text in html for text in texts.values())


def check_quantity(shop: Shop) -> None:
    line = {"price": shop.price, "quantity": 2, "metadata": META}
    adjustable = {"enabled": True, "minimum": 1, "maximum": 3}
    session = shop.open(line_items=[line | {"adjustable_quantity": adjustable}], expand=["line_items"])
    item = session.line_items.data[0]
    assert (session.amount_total, item.metadata["order"], item.adjustable_quantity.maximum) == (3800, "7", 3)
    name = f"quantity-{item.id}"
    assert shop.errors(session, **{name: "4"}) == ["The quantity is invalid."]
    assert shop.errors(session, **{name: "3"}) == []  # the page shows the new total first
    assert "$57.00" in shop.page(session)
    assert shop.paid(session, **{name: "3"}).amount_total == 5700


def check_optional_items(shop: Shop) -> None:
    font = str(shop.sandbox.product("Font", 500).default_price)
    session = shop.open(optional_items=[{"price": font, "quantity": 1}])
    assert session.amount_total == 1900
    pay(shop.buyer, session, act="add-0")
    assert "$24.00" in shop.page(session)
    items = shop.v1.checkout.sessions.line_items.list(session.id).data
    assert [item.description for item in items] == ["Icon set", "Font"]
    pay(shop.buyer, session, act=f"drop-{items[1].id}")
    assert "$24.00" not in shop.page(session)
    pay(shop.buyer, session, act="add-0")
    assert shop.paid(session).amount_total == 2400


def check_inline_price(shop: Shop) -> None:
    data = {
        "currency": "usd",
        "unit_amount": 700,
        "product_data": {"name": "Tip", "description": "Thanks a lot"},
    }
    session = shop.open(line_items=[{"price_data": data, "quantity": 1}])
    assert "Thanks a lot" in shop.page(session)
    assert shop.paid(session).amount_total == 700


def check_payment_intent_data(shop: Shop) -> None:
    data = {"metadata": META, "description": "Icons", "receipt_email": "r@example.com",
            "statement_descriptor": "ICONS", "statement_descriptor_suffix": "SET",
            "setup_future_usage": "off_session"}  # fmt: skip
    intent = shop.paid(shop.open(payment_intent_data=data), "payment_intent").payment_intent
    assert intent.metadata["order"] == "7"
    assert {name: intent[name] for name in data if name != "metadata"} == {
        name: value for name, value in data.items() if name != "metadata"
    }


def check_subscription_data(shop: Shop) -> None:
    ends = int(time.time()) + 5 * 86400
    behavior = {"end_behavior": {"missing_payment_method": "cancel"}}
    data = {"metadata": META, "description": "Club", "trial_end": ends, "trial_settings": behavior}
    subscription = shop.paid(shop.open(shop.monthly, subscription_data=data), "subscription").subscription
    assert (subscription.metadata["order"], subscription.description, subscription.trial_end) == (
        "7",
        "Club",
        ends,
    )
    assert subscription.trial_settings.end_behavior.missing_payment_method == "cancel"
    days = shop.paid(
        shop.open(shop.monthly, subscription_data={"trial_period_days": 3}), "subscription"
    ).subscription
    assert days.status == "trialing"


CHECKS: dict[str, Callable[[Shop], None]] = {
    "mode": check_mode,
    "success_url cancel_url": check_urls,
    "currency": check_currency,
    "client_reference_id metadata integration_identifier": check_references,
    "customer customer_update": check_customer,
    "customer_email customer_creation": check_customer_email,
    "payment_method_collection": check_payment_method_collection,
    "billing_address_collection": check_billing_address,
    "locale": check_locale,
    "expires_at": check_expiry,
    "submit_type": check_submit_type,
    "ui_mode managed_payments": check_ui_mode,
    "adaptive_pricing": check_adaptive_pricing,
    "allow_promotion_codes discounts": check_discounts,
    "automatic_tax tax_id_collection": check_tax,
    "invoice_creation": check_invoice,
    "allowed_payment_method_types excluded_payment_method_types": check_methods,
    "saved_payment_method_options": check_saved_methods,
    "payment_method_data": check_payment_method_data,
    "phone_number_collection": check_phone,
    "custom_fields": check_custom_fields,
    "consent_collection": check_consent,
    "after_expiration": check_recovery,
    "custom_text": check_custom_text,
    "line_items": check_quantity,
    "optional_items": check_optional_items,
    "line_items ": check_inline_price,
    "payment_intent_data": check_payment_intent_data,
    "subscription_data": check_subscription_data,
}


@pytest.mark.parametrize("names", CHECKS)
def test_parameter_has_its_effect(sandbox: Sandbox, names: str) -> None:
    CHECKS[names](Shop(sandbox))


def test_every_supported_parameter_is_checked() -> None:
    supported = {name.partition(".")[0] for name in session_params.supported("", "").split()}
    assert supported == {name for names in CHECKS for name in names.split()}


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"shipping_address_collection": {"allowed_countries": ["US"]}},
         "shipping_address_collection[allowed_countries][0]"),
        ({"name_collection": {"business": {"enabled": True}}}, "name_collection[business][enabled]"),
        ({"custom_text": {"shipping_address": {"message": "a"}}}, "custom_text[shipping_address][message]"),
        ({"branding_settings": {"display_name": "a"}}, "branding_settings[display_name]"),
    ],
)  # fmt: skip
def test_other_parameters_are_refused(sandbox: Sandbox, params: Any, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="does not support") as caught:
        Shop(sandbox).open(**params)
    assert caught.value.param == param
    assert storage.find("checkout.session") == []


@pytest.mark.parametrize(
    "params",
    [
        {"custom_fields": [{"key": "a b", "type": "text", "label": {"type": "custom", "custom": "A"}}]},
        {"custom_fields": [{"key": "a", "type": "text", "label": {"type": "custom", "custom": "A" * 51}}]},
        {"custom_fields": [{"key": "a", "type": "dropdown", "label": {"type": "custom", "custom": "A"}}]},
        {"custom_fields": [
            {"key": str(n), "type": "text", "label": {"type": "custom", "custom": "A"}} for n in range(4)
        ]},
        {"custom_text": {"submit": {"message": "x" * 1201}}},
        {"optional_items": [{"price": "price_nope", "quantity": 1}]},
    ],
)  # fmt: skip
def test_invalid_options_are_refused(sandbox: Sandbox, params: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        Shop(sandbox).open(**params)
