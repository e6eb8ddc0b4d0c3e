"""Routes that only read: the account, plans, lists in other objects, empty lists, and search."""

from stripe import params as p
from stripe.params import entitlements as pe
from stripe.params import radar as pr

from .calls import list_objects, retrieve
from .resources import account, empty_lists, nested_lists, plans, tax_ids
from .route import LIST, PAGE, Route
from .search import search

_SEARCH = "query limit page"

# fmt: off
ROUTES = (
    Route("GET", "/v1/account", account.retrieve, p.AccountRetrieveCurrentParams),
    Route("GET", "/v1/accounts", account.listing, p.AccountListParams, LIST),
    Route("GET", "/v1/accounts/{id}", account.retrieve, p.AccountRetrieveParams),
    Route("GET", "/v1/balance", account.balance, p.BalanceRetrieveParams),
    Route("GET", "/v1/balance_transactions", list_objects("balance_transaction"), p.BalanceTransactionListParams,
          LIST + "currency source type"),
    Route("GET", "/v1/balance_transactions/{id}", retrieve("balance_transaction"), p.BalanceTransactionRetrieveParams),
    Route("GET", "/v1/plans", plans.listing, p.PlanListParams, LIST + "active product"),
    Route("GET", "/v1/plans/{id}", plans.retrieve, p.PlanRetrieveParams),
    Route("GET", "/v1/tax_ids", tax_ids.list_by_owner, p.TaxIdListParams,
          PAGE + "owner.customer owner.type=customer owner.type=self"),
    Route("GET", "/v1/tax_ids/{id}", retrieve("tax_id"), p.TaxIdRetrieveParams),
    Route("GET", "/v1/radar/early_fraud_warnings", list_objects("radar.early_fraud_warning"),
          pr.EarlyFraudWarningListParams, LIST + "charge payment_intent"),
    Route("GET", "/v1/radar/early_fraud_warnings/{id}", retrieve("radar.early_fraud_warning"),
          pr.EarlyFraudWarningRetrieveParams),
    # empty lists
    Route("GET", "/v1/credit_notes", empty_lists.listing, p.CreditNoteListParams, LIST + "customer invoice"),
    Route("GET", "/v1/entitlements/active_entitlements", empty_lists.listing, pe.ActiveEntitlementListParams,
          PAGE + "customer"),
    Route("GET", "/v1/entitlements/features", empty_lists.listing, pe.FeatureListParams, PAGE + "archived lookup_key"),
    Route("GET", "/v1/reviews", empty_lists.listing, p.ReviewListParams, LIST),
    # lists in other objects
    Route("GET", "/v1/products/{id}/features", nested_lists.product_features, p.ProductFeatureListParams, PAGE),
    Route("GET", "/v1/customers/{id}/payment_methods", nested_lists.customer_payment_methods,
          p.CustomerPaymentMethodListParams, PAGE + "allow_redisplay type"),
    Route("GET", "/v1/customers/{id}/payment_methods/{child}", nested_lists.customer_payment_method,
          p.CustomerPaymentMethodRetrieveParams),
    Route("GET", "/v1/customers/{id}/sources", nested_lists.customer_sources, p.CustomerPaymentSourceListParams,
          PAGE + "object"),
    Route("GET", "/v1/customers/{id}/subscriptions", nested_lists.customer_subscriptions, p.SubscriptionListParams,
          LIST),
    Route("GET", "/v1/subscription_items", nested_lists.subscription_items, p.SubscriptionItemListParams,
          PAGE + "subscription"),
    Route("GET", "/v1/subscription_items/{id}", nested_lists.subscription_item, p.SubscriptionItemRetrieveParams),
    Route("GET", "/v1/invoices/{id}/lines", nested_lists.invoice_lines, p.InvoiceLineItemListParams, PAGE),
    # search
    Route("GET", "/v1/charges/search", search("charge"), p.ChargeSearchParams, _SEARCH),
    Route("GET", "/v1/customers/search", search("customer"), p.CustomerSearchParams, _SEARCH),
    Route("GET", "/v1/invoices/search", search("invoice"), p.InvoiceSearchParams, _SEARCH),
    Route("GET", "/v1/payment_intents/search", search("payment_intent"), p.PaymentIntentSearchParams, _SEARCH),
    Route("GET", "/v1/prices/search", search("price"), p.PriceSearchParams, _SEARCH),
    Route("GET", "/v1/products/search", search("product"), p.ProductSearchParams, _SEARCH),
    Route("GET", "/v1/subscriptions/search", search("subscription"), p.SubscriptionSearchParams, _SEARCH),
)
# fmt: on
