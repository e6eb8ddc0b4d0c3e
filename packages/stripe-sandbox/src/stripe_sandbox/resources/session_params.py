"""The supported parameters of POST /v1/checkout/sessions. A test uses each of them."""

_SUPPORTED = (
    "mode success_url cancel_url currency client_reference_id customer customer_email customer_creation customer_update"
    " metadata"
    " payment_method_collection billing_address_collection locale expires_at submit_type ui_mode integration_identifier"
    " adaptive_pricing.enabled"
    " managed_payments.enabled=false"
    " allow_promotion_codes discounts.coupon discounts.promotion_code automatic_tax.enabled tax_id_collection"
    " invoice_creation.enabled invoice_creation.invoice_data.description invoice_creation.invoice_data.footer"
    " invoice_creation.invoice_data.metadata"
    " allowed_payment_method_types excluded_payment_method_types saved_payment_method_options"
    " payment_method_data.allow_redisplay"
    " phone_number_collection.enabled custom_fields"
    " consent_collection after_expiration.recovery.enabled after_expiration.recovery.allow_promotion_codes"
    " custom_text.submit custom_text.after_submit custom_text.terms_of_service_acceptance"
    " optional_items line_items.adjustable_quantity"
    " payment_intent_data.metadata payment_intent_data.description payment_intent_data.receipt_email"
    " payment_intent_data.setup_future_usage payment_intent_data.statement_descriptor"
    " payment_intent_data.statement_descriptor_suffix subscription_data.metadata subscription_data.description"
    " subscription_data.trial_period_days subscription_data.trial_end subscription_data.trial_settings"
    " line_items.price line_items.quantity line_items.metadata line_items.price_data.product "
)


def supported(money: str, product: str) -> str:
    """Return the parameters with those of inline prices and products."""
    nested = [f"line_items.price_data.{name}" for name in money.split()]
    nested += [f"line_items.price_data.product_data.{name}" for name in product.split()]
    return f"{_SUPPORTED} {' '.join(nested)}"
