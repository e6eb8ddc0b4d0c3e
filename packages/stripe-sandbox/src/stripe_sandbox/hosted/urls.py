"""URLs for buyers, below /stripe-sandbox/: checkout with 3D Secure, billing portal, receipt."""

from django.urls import path

from . import challenge, intent_page, invoice_page, portal, portal_plans, receipts, views

urlpatterns = [
    path("checkout/<str:session_id>", views.checkout, name="checkout"),
    path("checkout/<str:session_id>/authenticate", views.authenticate, name="authenticate"),
    path("checkout/<str:session_id>/three-ds-2-challenge/", challenge.challenge, name="challenge"),
    path("checkout/<str:session_id>/three-ds-2-challenge/bank/", challenge.bank, name="bank"),
    path("intents/<str:object_id>/authenticate", intent_page.authenticate, name="authenticate_intent"),
    path("recover/<str:session_id>", views.recover, name="recover"),
    path("portal/<str:session_id>", portal.home, name="portal"),
    path("portal/<str:session_id>/payment-method", portal.payment_method, name="portal_payment_method"),
    path("portal/<str:session_id>/done", portal.confirmation, name="portal_confirmation"),
    path(
        "portal/<str:session_id>/subscriptions/<str:subscription_id>/payment-method",
        portal.payment_method,
        name="portal_subscription_payment_method",
    ),
    path(
        "portal/<str:session_id>/subscriptions/<str:subscription_id>/update",
        portal_plans.choose,
        name="portal_plans",
    ),
    path(
        "portal/<str:session_id>/subscriptions/<str:subscription_id>/update/confirm",
        portal_plans.confirm,
        name="portal_confirm_plan",
    ),
    path(
        "portal/<str:session_id>/subscriptions/<str:subscription_id>/cancel",
        portal.cancel,
        name="portal_cancel",
    ),
    path(
        "portal/<str:session_id>/subscriptions/<str:subscription_id>/resume",
        portal.resume,
        name="portal_resume",
    ),
    path("receipts/<str:object_id>", receipts.receipt, name="receipt"),
    path("receipts/<str:invoice_id>/pay", invoice_page.settle, name="pay_invoice"),
]
