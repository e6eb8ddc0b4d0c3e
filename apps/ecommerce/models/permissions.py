"""Permissions of operators on orders. Each is a permission of the model Purchase."""

from typing import Any

PURCHASE_PERMISSIONS: list[tuple[str, Any]] = [
    ("refresh_purchase", "Can refresh orders from Stripe"),
    ("refund_purchase", "Can refund payments"),
    ("cancel_purchase", "Can cancel subscriptions"),
    ("grant_access", "Can give access without payment"),
    ("revoke_access", "Can revoke access, and restore it"),
    ("resend_email", "Can send e-mails of an order again"),
    ("process_event", "Can process webhook events again"),
    ("assign_sale", "Can assign sales to accounts"),
    ("correct_email", "Can correct a buyer's e-mail address"),
    ("view_as_buyer", "Can see the shop as a buyer"),
    ("view_reports", "Can see sales figures"),
    ("export_reports", "Can export orders and payments"),
]
