"""All supported routes of Stripe's API, with those of read_routes.py, and their parameters. Others are an error.

`a.b` is a key of a hash, `a` a whole hash, `a=false` one value. All routes support `expand`.
"""

from stripe import params as p
from stripe.params import billing_portal as pb
from stripe.params import checkout as pc
from stripe.params import test_helpers as pt

from . import read_routes
from .billing import clocks, intent_requests, item_requests, manual_invoices, preview, requests
from .calls import list_objects, retrieve, update
from .resources import checkout_sessions as sessions
from .resources import (
    coupons,
    customers,
    disputes,
    new_products,
    payment_methods,
    payment_records,
    portal,
    prices,
    products,
    promotion_codes,
    refunds,
    session_params,
    subscription_schedules,
    subscriptions,
    tax_ids,
    webhook_endpoints,
)
from .route import LIST as _LIST
from .route import PAGE as _PAGE
from .route import Route


def _nest(parent: str, names: str) -> str:
    return " ".join(f"{parent}.{name}" for name in names.split()) + " "


_MONEY = (
    "currency unit_amount unit_amount_decimal tax_behavior nickname lookup_key metadata active transfer_lookup_key"
    " custom_unit_amount.enabled custom_unit_amount.maximum custom_unit_amount.minimum custom_unit_amount.preset"
    " currency_options billing_scheme=per_unit recurring.interval recurring.interval_count recurring.trial_period_days"
    " recurring.usage_type=licensed "
)
_PRODUCT = (
    "id name active description images marketing_features metadata package_dimensions shippable statement_descriptor"
    " tax_code type unit_label url "
)
_CUSTOMER = (
    "address balance business_name description email individual_name invoice_prefix invoice_settings metadata name"
    " next_invoice_sequence phone preferred_locales shipping tax_exempt "
)
_SUBSCRIPTION = (
    "items.id items.price items.quantity items.deleted items.metadata cancel_at_period_end cancel_at"
    " cancellation_details.comment cancellation_details.feedback default_payment_method description metadata"
    " off_session pause_collection"
    " payment_behavior=allow_incomplete proration_behavior proration_date trial_end trial_settings"
    " billing_mode.type=flexible collection_method=charge_automatically discounts "
)
_ITEM = "price quantity metadata proration_behavior proration_date payment_behavior=allow_incomplete "
_SUBSCRIBE = " ".join(
    {*_SUBSCRIPTION.split(), "currency", "customer", "trial_period_days"}
    - {"items.id", "items.deleted", "proration_date"}
)
_INTENT = (
    "customer payment_method confirm return_url off_session metadata description automatic_payment_methods.enabled=true"
    " automatic_payment_methods.allow_redirects "
)
_PORTAL = "business_profile default_return_url metadata name login_page.enabled=false " + _nest(
    "features",
    "invoice_history payment_method_update.enabled subscription_cancel.enabled subscription_cancel.mode"
    " subscription_cancel.proration_behavior=none subscription_cancel.cancellation_reason.enabled=false"
    " customer_update.enabled=false subscription_pause.enabled=false subscription_update.enabled"
    " subscription_update.products.product subscription_update.products.prices"
    " subscription_update.products.adjustable_quantity subscription_update.default_allowed_updates=price"
    " subscription_update.default_allowed_updates=quantity subscription_update.proration_behavior"
    " subscription_update.trial_update_behavior",
)
_EVIDENCE = _nest(
    "evidence",  # text only: files are not supported
    "access_activity_log billing_address cancellation_policy_disclosure cancellation_rebuttal customer_email_address"
    " customer_name customer_purchase_ip duplicate_charge_explanation duplicate_charge_id product_description"
    " refund_policy_disclosure refund_refusal_explanation service_date shipping_address shipping_carrier shipping_date"
    " shipping_tracking_number uncategorized_text",
)

# fmt: off
ROUTES = (
    *read_routes.ROUTES,
    *subscription_schedules.ROUTES,
    # products and prices
    Route("GET", "/v1/products", list_objects("product", ids=lambda ids: ("id", "IN", ids)), p.ProductListParams,
          _LIST + "active ids shippable type url"),
    Route("POST", "/v1/products", new_products.create, p.ProductCreateParams,
          _PRODUCT + _nest("default_price_data", _MONEY)),
    Route("GET", "/v1/products/{id}", retrieve("product"), p.ProductRetrieveParams),
    Route("POST", "/v1/products/{id}", products.update, p.ProductUpdateParams, _PRODUCT + "default_price"),
    Route("DELETE", "/v1/products/{id}", products.delete, p.ProductDeleteParams),
    Route("GET", "/v1/prices", list_objects("price", lookup_keys=lambda keys: ("lookup_key", "IN", keys)),
          p.PriceListParams, _LIST + "active currency lookup_keys product recurring type"),
    Route("POST", "/v1/prices", prices.create, p.PriceCreateParams,
          _MONEY + "product " + _nest("product_data", _PRODUCT)),
    Route("GET", "/v1/prices/{id}", retrieve("price"), p.PriceRetrieveParams),
    Route("POST", "/v1/prices/{id}", prices.update, p.PriceUpdateParams, _MONEY),
    # customers
    Route("GET", "/v1/customers", customers.listing, p.CustomerListParams, _LIST + "email test_clock"),
    Route("POST", "/v1/customers", customers.create, p.CustomerCreateParams, _CUSTOMER + "test_clock"),
    Route("GET", "/v1/customers/{id}", retrieve("customer"), p.CustomerRetrieveParams),
    Route("POST", "/v1/customers/{id}", customers.update, p.CustomerUpdateParams, _CUSTOMER),
    Route("DELETE", "/v1/customers/{id}", customers.delete, p.CustomerDeleteParams),
    Route("GET", "/v1/customers/{id}/balance_transactions", customers.balance_transactions,
          p.CustomerBalanceTransactionListParams, _LIST + "invoice"),
    Route("GET", "/v1/customers/{id}/tax_ids", tax_ids.listing, p.CustomerTaxIdListParams, _PAGE),
    Route("POST", "/v1/customers/{id}/tax_ids", tax_ids.create, p.CustomerTaxIdCreateParams, "type value"),
    Route("GET", "/v1/customers/{id}/tax_ids/{child}", tax_ids.retrieve, p.CustomerTaxIdRetrieveParams),
    Route("DELETE", "/v1/customers/{id}/tax_ids/{child}", tax_ids.delete, p.CustomerTaxIdDeleteParams),
    # Checkout Sessions
    Route("GET", "/v1/checkout/sessions", sessions.listing, pc.SessionListParams,
          _LIST + "customer customer_details payment_intent status subscription"),
    Route("POST", "/v1/checkout/sessions", sessions.create, pc.SessionCreateParams,
          session_params.supported(_MONEY, _PRODUCT)),
    Route("GET", "/v1/checkout/sessions/{id}", sessions.retrieve, pc.SessionRetrieveParams),
    Route("POST", "/v1/checkout/sessions/{id}", update("checkout.session"), pc.SessionUpdateParams, "metadata"),
    Route("GET", "/v1/checkout/sessions/{id}/line_items", sessions.line_items, pc.SessionLineItemListParams, _PAGE),
    Route("POST", "/v1/checkout/sessions/{id}/expire", sessions.expire, pc.SessionExpireParams),
    # payments
    Route("GET", "/v1/payment_intents", list_objects("payment_intent"), p.PaymentIntentListParams, _LIST + "customer"),
    Route("GET", "/v1/payment_intents/{id}", retrieve("payment_intent"), p.PaymentIntentRetrieveParams),
    Route("POST", "/v1/payment_intents/{id}", update("payment_intent"), p.PaymentIntentUpdateParams,
          "metadata description"),
    Route("GET", "/v1/charges", list_objects("charge"), p.ChargeListParams, _LIST + "customer payment_intent"),
    Route("GET", "/v1/charges/{id}", retrieve("charge"), p.ChargeRetrieveParams),
    Route("POST", "/v1/charges/{id}", update("charge", "charge"), p.ChargeUpdateParams, "metadata description"),
    Route("GET", "/v1/charges/{id}/refunds", refunds.list_for_charge, p.ChargeListRefundsParams, _PAGE),
    Route("POST", "/v1/payment_records/report_payment", payment_records.report_payment,
          p.PaymentRecordReportPaymentParams, "amount_requested.currency amount_requested.value description"
          " initiated_at metadata outcome guaranteed.guaranteed_at customer_presence customer_details.customer"
          " payment_method_details.type payment_method_details.custom.display_name"
          " payment_method_details.custom.type processor_details.type"
          " processor_details.custom.payment_reference"),
    Route("GET", "/v1/payment_records/{id}", retrieve("payment_record"), p.PaymentRecordRetrieveParams),
    Route("POST", "/v1/payment_intents", intent_requests.create_payment, p.PaymentIntentCreateParams,
          _INTENT + "amount currency receipt_email setup_future_usage statement_descriptor statement_descriptor_suffix"
          " capture_method=automatic capture_method=automatic_async"),
    Route("POST", "/v1/payment_intents/{id}/confirm", intent_requests.confirm, p.PaymentIntentConfirmParams,
          "payment_method off_session return_url receipt_email setup_future_usage"),
    Route("POST", "/v1/payment_intents/{id}/cancel", intent_requests.cancel, p.PaymentIntentCancelParams,
          "cancellation_reason"),
    Route("GET", "/v1/payment_methods", payment_methods.listing, p.PaymentMethodListParams,
          _PAGE + "allow_redisplay customer type"),
    Route("GET", "/v1/payment_methods/{id}", retrieve("payment_method"), p.PaymentMethodRetrieveParams),
    Route("POST", "/v1/payment_methods/{id}", payment_methods.update, p.PaymentMethodUpdateParams,
          "allow_redisplay billing_details card.exp_month card.exp_year metadata"),
    Route("POST", "/v1/payment_methods/{id}/attach", payment_methods.attach, p.PaymentMethodAttachParams, "customer"),
    Route("POST", "/v1/payment_methods/{id}/detach", payment_methods.detach, p.PaymentMethodDetachParams),
    Route("GET", "/v1/setup_intents", list_objects("setup_intent"), p.SetupIntentListParams,
          _LIST + "customer payment_method"),
    Route("POST", "/v1/setup_intents", intent_requests.create_setup, p.SetupIntentCreateParams, _INTENT + "usage"),
    Route("POST", "/v1/setup_intents/{id}/confirm", intent_requests.confirm, p.SetupIntentConfirmParams,
          "payment_method return_url"),
    Route("POST", "/v1/setup_intents/{id}/cancel", intent_requests.cancel, p.SetupIntentCancelParams,
          "cancellation_reason"),
    Route("GET", "/v1/setup_intents/{id}", retrieve("setup_intent"), p.SetupIntentRetrieveParams),
    # subscriptions and invoices
    Route("GET", "/v1/subscriptions", subscriptions.listing, p.SubscriptionListParams,
          _LIST + "customer status test_clock"),
    Route("POST", "/v1/subscriptions", requests.create_subscription, p.SubscriptionCreateParams, _SUBSCRIBE),
    Route("GET", "/v1/subscriptions/{id}", retrieve("subscription"), p.SubscriptionRetrieveParams),
    Route("POST", "/v1/subscriptions/{id}", requests.update_subscription, p.SubscriptionUpdateParams, _SUBSCRIPTION),
    Route("DELETE", "/v1/subscriptions/{id}", requests.cancel_subscription, p.SubscriptionCancelParams,
          "cancellation_details.comment cancellation_details.feedback invoice_now=false prorate=false"),
    Route("POST", "/v1/subscriptions/{id}/pause", requests.pause_subscription, p.SubscriptionPauseParams,
          "type=subscription bill_for.unused_time_from.type=none bill_for.outstanding_usage_through.type=none"),
    Route("POST", "/v1/subscriptions/{id}/resume", requests.resume_subscription, p.SubscriptionResumeParams,
          "billing_cycle_anchor.type proration_behavior=none payment_behavior=resume_on_payment_attempt"),
    Route("POST", "/v1/subscription_items", item_requests.create, p.SubscriptionItemCreateParams,
          _ITEM + "subscription"),
    Route("POST", "/v1/subscription_items/{id}", item_requests.update, p.SubscriptionItemUpdateParams,
          _ITEM + "off_session"),
    Route("DELETE", "/v1/subscription_items/{id}", item_requests.delete, p.SubscriptionItemDeleteParams,
          "proration_behavior proration_date"),
    Route("GET", "/v1/invoices", list_objects("invoice", subscription=lambda value:
          ("parent.subscription_details.subscription", "=", value)), p.InvoiceListParams,
          _LIST + "customer status subscription"),
    Route("POST", "/v1/invoices", manual_invoices.create, p.InvoiceCreateParams,
          "customer currency description metadata footer collection_method days_until_due default_payment_method"
          " auto_advance=false pending_invoice_items_behavior"),
    Route("POST", "/v1/invoices/{id}/finalize", manual_invoices.finalize, p.InvoiceFinalizeInvoiceParams),
    Route("POST", "/v1/invoices/create_preview", preview.create, p.InvoiceCreatePreviewParams,
          "customer subscription preview_mode=next " + _nest("subscription_details",
          "items.id items.price items.quantity items.deleted cancel_at cancel_at_period_end proration_behavior"
          " proration_date trial_end")),
    Route("GET", "/v1/invoices/{id}", retrieve("invoice"), p.InvoiceRetrieveParams),
    Route("POST", "/v1/invoices/{id}/pay", requests.pay_invoice, p.InvoicePayParams,
          "payment_method off_session paid_out_of_band"),
    Route("POST", "/v1/invoices/{id}/attach_payment", requests.attach_payment, p.InvoiceAttachPaymentParams,
          "payment_record"),
    Route("GET", "/v1/invoiceitems", list_objects("invoiceitem", pending=lambda pending: ("invoice", "IS", None)),
          p.InvoiceItemListParams, _LIST + "customer invoice pending=true"),
    Route("POST", "/v1/invoiceitems", manual_invoices.add_item, p.InvoiceItemCreateParams,
          "customer invoice pricing.price quantity description metadata"),
    Route("GET", "/v1/invoiceitems/{id}", retrieve("invoiceitem"), p.InvoiceItemRetrieveParams),
    Route("GET", "/v1/invoice_payments", list_objects("invoice_payment"), p.InvoicePaymentListParams,
          _LIST + "invoice payment status"),
    Route("GET", "/v1/invoice_payments/{id}", retrieve("invoice_payment"), p.InvoicePaymentRetrieveParams),
    # discounts
    Route("GET", "/v1/coupons", coupons.listing, p.CouponListParams, _LIST),
    Route("POST", "/v1/coupons", coupons.create, p.CouponCreateParams,
          "amount_off applies_to.products currency currency_options duration duration_in_months id max_redemptions"
          " metadata name percent_off redeem_by"),
    Route("GET", "/v1/coupons/{id}", coupons.retrieve, p.CouponRetrieveParams),
    Route("POST", "/v1/coupons/{id}", coupons.update, p.CouponUpdateParams, "metadata name"),
    Route("DELETE", "/v1/coupons/{id}", coupons.delete, p.CouponDeleteParams),
    Route("GET", "/v1/promotion_codes", promotion_codes.listing, p.PromotionCodeListParams,
          _LIST + "active code coupon customer"),
    Route("POST", "/v1/promotion_codes", promotion_codes.create, p.PromotionCodeCreateParams,
          "active code customer expires_at max_redemptions metadata promotion restrictions.first_time_transaction"
          " restrictions.minimum_amount restrictions.minimum_amount_currency restrictions.currency_options"),
    Route("GET", "/v1/promotion_codes/{id}", promotion_codes.retrieve, p.PromotionCodeRetrieveParams),
    Route("POST", "/v1/promotion_codes/{id}", promotion_codes.update,
          p.PromotionCodeUpdateParams, "active metadata"),
    # billing portal
    Route("POST", "/v1/billing_portal/sessions", portal.create_session, pb.SessionCreateParams,
          "configuration customer flow_data.type=payment_method_update flow_data.type=subscription_cancel"
          " flow_data.type=subscription_update flow_data.type=subscription_update_confirm"
          " flow_data.subscription_cancel.subscription flow_data.subscription_update.subscription"
          " flow_data.after_completion locale return_url " + _nest("flow_data.subscription_update_confirm",
          "subscription items.id items.price items.quantity")),
    Route("GET", "/v1/billing_portal/configurations", portal.list_configurations, pb.ConfigurationListParams,
          _PAGE + "active is_default"),
    Route("POST", "/v1/billing_portal/configurations", portal.create_configuration, pb.ConfigurationCreateParams,
          _PORTAL),
    Route("GET", "/v1/billing_portal/configurations/{id}", retrieve("billing_portal.configuration"),
          pb.ConfigurationRetrieveParams),
    Route("POST", "/v1/billing_portal/configurations/{id}", portal.update_configuration,
          pb.ConfigurationUpdateParams, _PORTAL + "active"),
    # refunds and disputes
    Route("GET", "/v1/refunds", list_objects("refund"), p.RefundListParams, _LIST + "charge payment_intent"),
    Route("POST", "/v1/refunds", refunds.create, p.RefundCreateParams, "amount charge metadata payment_intent reason"),
    Route("GET", "/v1/refunds/{id}", retrieve("refund"), p.RefundRetrieveParams),
    Route("POST", "/v1/refunds/{id}", refunds.update, p.RefundUpdateParams, "metadata"),
    Route("POST", "/v1/refunds/{id}/cancel", refunds.cancel, p.RefundCancelParams),
    Route("GET", "/v1/disputes", list_objects("dispute"), p.DisputeListParams, _LIST + "charge payment_intent"),
    Route("GET", "/v1/disputes/{id}", retrieve("dispute"), p.DisputeRetrieveParams),
    Route("POST", "/v1/disputes/{id}", disputes.update, p.DisputeUpdateParams, _EVIDENCE + "metadata submit"),
    Route("POST", "/v1/disputes/{id}/close", disputes.close, p.DisputeCloseParams),
    # test clocks
    Route("GET", "/v1/test_helpers/test_clocks", list_objects(clocks.KIND), pt.TestClockListParams, _PAGE),
    Route("POST", "/v1/test_helpers/test_clocks", requests.create_clock, pt.TestClockCreateParams, "frozen_time name"),
    Route("GET", "/v1/test_helpers/test_clocks/{id}", retrieve(clocks.KIND), pt.TestClockRetrieveParams),
    Route("DELETE", "/v1/test_helpers/test_clocks/{id}", requests.delete_clock, pt.TestClockDeleteParams),
    Route("POST", "/v1/test_helpers/test_clocks/{id}/advance", requests.advance_clock, pt.TestClockAdvanceParams,
          "frozen_time"),
    # events and webhook endpoints
    Route("GET", "/v1/events", list_objects(
        "event",
        type=lambda pattern: ("type", "GLOB", pattern),
        types=lambda types: ("type", "IN", types),
        delivery_success=lambda done: ("pending_webhooks", "=" if done else ">", 0),
    ), p.EventListParams, _LIST + "type types delivery_success"),
    Route("GET", "/v1/events/{id}", retrieve("event"), p.EventRetrieveParams),
    Route("GET", "/v1/webhook_endpoints", list_objects("webhook_endpoint"), p.WebhookEndpointListParams, _PAGE),
    Route("POST", "/v1/webhook_endpoints", webhook_endpoints.create, p.WebhookEndpointCreateParams,
          "api_version description enabled_events metadata url"),
    Route("GET", "/v1/webhook_endpoints/{id}", retrieve("webhook_endpoint"), p.WebhookEndpointRetrieveParams),
    Route("POST", "/v1/webhook_endpoints/{id}", webhook_endpoints.update, p.WebhookEndpointUpdateParams,
          "description disabled enabled_events metadata url"),
    Route("DELETE", "/v1/webhook_endpoints/{id}", webhook_endpoints.delete, p.WebhookEndpointDeleteParams),
)
# fmt: on
