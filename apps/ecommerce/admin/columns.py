"""Columns of several admin lists."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.models import Payment, ReceiverCall


@admin.display(description=_("order number"), ordering="purchase__order_number")
def order_number(row: Payment | ReceiverCall) -> str:
    return str(row.purchase.order_number)
