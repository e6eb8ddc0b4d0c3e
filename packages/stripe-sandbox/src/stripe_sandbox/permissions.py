"""Restricted keys: the permission that each route needs. https://docs.stripe.com/keys/restricted-api-keys"""

from . import account_state, errors

# start of the path ▶ the permission's resource; the longest match wins
_RESOURCES = {
    "/v1/account": "accounts_kyc_basic",
    "/v1/balance": "balance",
    "/v1/balance_transactions": "balance_transaction_source",
    "/v1/billing_portal/configurations": "billing_portal_configuration",
    "/v1/billing_portal/sessions": "customer_portal",
    "/v1/charges": "charge",
    "/v1/checkout/sessions": "checkout_session",
    "/v1/coupons": "coupon",
    "/v1/customers": "customer",
    "/v1/disputes": "dispute",
    "/v1/events": "event",
    "/v1/invoiceitems": "invoice",
    "/v1/invoice_payments": "invoice",
    "/v1/invoices": "invoice",
    "/v1/payment_intents": "payment_intent",
    "/v1/payment_methods": "payment_method",
    "/v1/prices": "plan",
    "/v1/products": "product",
    "/v1/promotion_codes": "promotion_code",
    "/v1/radar": "early_fraud_warning",
    "/v1/refunds": "charge",
    "/v1/setup_intents": "setup_intent",
    "/v1/subscription_items": "subscription",
    "/v1/subscriptions": "subscription",
    "/v1/test_helpers": "test_clock",
    "/v1/webhook_endpoints": "webhook",
}
RESOURCES = sorted(set(_RESOURCES.values()))
NAMES = [f"{resource}_{level}" for resource in RESOURCES for level in ("read", "write")]


def check(method: str, path: str, key: str, missing: list[str]) -> None:
    """Raise ApiError (403) if the key lacks the route's permission. Without read, a key cannot write either."""
    matches = [start for start in _RESOURCES if path.startswith(start)]
    if not missing or not matches:
        return
    resource = _RESOURCES[max(matches, key=len)]
    level = "read" if method == "GET" else "write"
    if {f"{resource}_{level}", f"{resource}_read"}.isdisjoint(missing):
        return
    shown = f"rk_test_{'*' * 12}{key[-6:]}"
    message = (
        f"The provided key '{shown}' does not have the required permissions for this endpoint on account"
        f" '{account_state.ID}'. Having the 'rak_{resource}_{level}' permission would allow this request to continue."
    )
    raise errors.ApiError(message, status=403)
