import secrets
import string

_ALPHABET = string.ascii_letters + string.digits + "BC"  # 64 characters, so that `byte & 63` is an index

# object ▶ (prefix, length of the random part)
_PREFIXES = {
    "account": ("acct_1", 15),
    "billing_portal.configuration": ("bpc_1", 23),
    "billing_portal.session": ("bps_1", 23),
    "charge": ("ch_3", 23),
    "checkout.session": ("cs_test_a1", 56),
    "coupon": ("", 8),
    "customer": ("cus_", 14),
    "customer_balance_transaction": ("cbtxn_1", 23),
    "balance_transaction": ("txn_1", 23),
    "discount": ("di_1", 23),
    "dispute": ("du_1", 23),
    "event": ("evt_1", 23),
    "invoice": ("in_1", 23),
    "invoice_payment": ("inpay_1", 23),
    "invoiceitem": ("ii_1", 23),
    "item": ("li_1", 23),
    "line_item": ("il_1", 23),
    "payment_intent": ("pi_3", 23),
    "payment_method": ("pm_1", 23),
    "payment_record": ("pr_1", 23),
    "price": ("price_1", 23),
    "product": ("prod_", 14),
    "promotion_code": ("promo_1", 23),
    "radar.early_fraud_warning": ("issfr_1", 23),
    "refund": ("re_3", 23),
    "request": ("req_", 14),
    "setup_intent": ("seti_1", 23),
    "subscription": ("sub_1", 23),
    "subscription_item": ("si_", 14),
    "subscription_schedule": ("sub_sched_1", 23),
    "tax_id": ("txi_1", 23),
    "test_helpers.test_clock": ("clock_1", 23),
    "webhook_endpoint": ("we_1", 23),
    "webhook_secret": ("whsec_", 32),
}


def new(kind: str) -> str:
    """Return an id in Stripe's format for an object type ("product", …), a "request" or a "webhook_secret"."""
    prefix, length = _PREFIXES[kind]
    return prefix + random_letters(length)


def random_letters(length: int) -> str:
    return "".join(_ALPHABET[byte & 63] for byte in secrets.token_bytes(length))
