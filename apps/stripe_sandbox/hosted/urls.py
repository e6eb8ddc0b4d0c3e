"""Addresses below /stripe-sandbox/ that a buyer sees: checkout, its 3D Secure window, the receipt."""

from django.urls import path

from . import views

urlpatterns = [
    path("checkout/<str:session_id>", views.checkout, name="checkout"),
    path("checkout/<str:session_id>/authenticate", views.authenticate, name="authenticate"),
    path("checkout/<str:session_id>/three-ds-2-challenge/", views.challenge, name="challenge"),
    path("checkout/<str:session_id>/three-ds-2-challenge/bank/", views.bank, name="bank"),
    path("receipts/<str:object_id>", views.receipt, name="receipt"),
]
