"""Problems of the shop itself that need a person: its account at Stripe, its server, its products."""

from collections.abc import Iterator

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apps.core.tasks import is_worker_silent
from apps.ecommerce.models import (
    Alert,
    FileVersion,
    Price,
    ProductConfiguration,
    ReceiverCall,
    SalesProblem,
    WebhookEvent,
    Withdrawal,
)
from apps.ecommerce.operations.alert_channels import EMAIL, WEBHOOK
from apps.ecommerce.operations.alert_names import FILE_MISSING, RECONCILE_FAILING, STRIPE_UNREACHABLE
from apps.ecommerce.operations.alerts import late_channels
from apps.ecommerce.operations.reconcile_schedule import overdue_warning
from apps.ecommerce.operations.webhook_health import webhook_health
from apps.ecommerce.purchases.licences import purchases_without_key
from apps.ecommerce.purchases.stripe_errors import ADVICE, DEFAULT_ADVICE

from .attention_items import MAX_LINES, Item, about, last_line, limited

Confirmation = Withdrawal.Confirmation


def refused_sales() -> Iterator[Item]:
    for problem in SalesProblem.objects.filter(solved_at=None)[:MAX_LINES]:
        yield Item(
            _("Stripe refuses to sell anything"),
            f"“{problem.message}” {ADVICE.get(problem.code, DEFAULT_ADVICE)}",
            reverse("admin:ecommerce_salesproblem_change", args=[problem.pk]),
            is_urgent=True,
        )


def system() -> Iterator[Item]:
    """Yield what stops the store as a whole."""
    if is_worker_silent():
        detail = _("E-mails and other tasks wait. Start a worker: python manage.py db_worker")
        yield Item(
            _("No worker is running"),
            detail,
            reverse("admin:django_tasks_database_dbtaskresult_changelist"),
            is_urgent=True,
        )
    if overdue := overdue_warning():
        yield Item(_("reconcile_purchases does not run"), overdue, is_urgent=True)
    health = webhook_health()
    if health.is_silent:
        last = (
            date_format(timezone.localtime(health.last_event), "DATETIME_FORMAT")
            if health.last_event
            else _("never")
        )
        yield Item(
            _("Stripe's webhooks do not arrive"),
            _("Last event: %(last)s. To find the reason, run: python manage.py stripe_doctor")
            % {"last": last},
            reverse("admin:ecommerce_webhookevent_changelist"),
            is_urgent=True,
        )


def stored_alerts() -> Iterator[Item]:
    """Yield problems that only a request or a run of reconcile_purchases can find, and has stored."""
    titles = {
        STRIPE_UNREACHABLE: _("reconcile_purchases can't reach Stripe"),
        RECONCILE_FAILING: _("reconcile_purchases has errors"),
        FILE_MISSING: _("The storage lacks a file"),
    }
    for alert in Alert.objects.filter(name__in=titles, solved_at=None)[:MAX_LINES]:
        yield Item(titles[alert.name], alert.message, _file_url(alert), is_urgent=True)
    for channel in late_channels():
        title = {
            EMAIL: _("Alerts can't be sent by e-mail"),
            WEBHOOK: _("Alerts can't be sent to the webhook"),
        }
        yield Item(
            title[channel], _("To see the reason, run: python manage.py send_test_alert"), is_urgent=True
        )


def _file_url(alert: Alert) -> str:
    if alert.name != FILE_MISSING:
        return ""
    version = FileVersion.objects.filter(pk=alert.about).first()
    return reverse("admin:ecommerce_productfile_change", args=[version.file_id]) if version else ""


def events() -> Iterator[Item]:
    rows = WebhookEvent.objects.filter(processed_at=None).exclude(error="")
    yield from limited(
        rows.defer("payload"),
        lambda event: Item(
            _("An event from Stripe could not be processed: %(type)s") % {"type": event.type},
            last_line(event.error),
            reverse("admin:ecommerce_webhookevent_change", args=[event.pk]),
        ),
        "admin:ecommerce_webhookevent_changelist",
        "processed_at__isempty=1",
    )


def unsellable_prices() -> Iterator[Item]:
    on_sale = Q(product__active=True, product__configuration__status=ProductConfiguration.Status.ON_SALE)
    rows = Price.objects.filter(Q(refusal__gt="") | Q(unsellable__gt=""), on_sale, active=True)
    yield from limited(
        rows.select_related("product__configuration"),
        lambda price: Item(
            _("%(product)s: a price can't be sold") % {"product": price.product},
            f"{price.label}: {price.unsellable_reason}",
            _editor_url(price.product.configuration),
        ),
        "admin:ecommerce_productconfiguration_changelist",
    )


def unsellable_products() -> Iterator[Item]:
    rows = ProductConfiguration.objects.filter(status=ProductConfiguration.Status.ON_SALE, listed=False)
    yield from limited(
        rows.filter(product__active=True).select_related("product"),
        lambda row: Item(
            _("%(product)s is on sale, but the store can't sell it") % {"product": row.product},
            _("None of its prices can be sold."),
            _editor_url(row),
        ),
        "admin:ecommerce_productconfiguration_changelist",
    )


def withdrawals() -> Iterator[Item]:
    def describe(row: Withdrawal) -> Item:
        when = date_format(timezone.localtime(row.received_at), "DATETIME_FORMAT")
        is_unconfirmed = row.confirmation in (Confirmation.FAILED, Confirmation.LIMITED)
        note = f"{_('The confirmation was not sent.')} " if is_unconfirmed else ""
        number = f" · {row.purchase.order_number}" if row.purchase else ""
        return Item(
            _("A buyer withdraws from a contract: %(contract)s") % {"contract": row.contract},
            f"{note}{when} · {row.name} · {row.email}{number}",
            reverse("admin:ecommerce_withdrawal_change", args=[row.pk]),
            is_urgent=True,
        )

    yield from limited(
        Withdrawal.objects.filter(done_at=None).select_related("purchase").order_by("received_at"),
        describe,
        "admin:ecommerce_withdrawal_changelist",
        "state=open",
    )


def missing_keys() -> Iterator[Item]:
    yield from limited(
        purchases_without_key().select_related("product"),
        lambda purchase: Item(
            _("A buyer waits for a license key"),
            f"{_('Add keys.')} {about(purchase)}",
            reverse("admin:ecommerce_licencekey_add"),
        ),
        "admin:ecommerce_licencekey_changelist",
    )


def receivers() -> Iterator[Item]:
    yield from limited(
        ReceiverCall.objects.filter(done_at=None, attempts__gt=0),
        lambda call: Item(
            _("One of your receivers fails: %(receiver)s") % {"receiver": call.receiver},
            last_line(call.error),
            reverse("admin:ecommerce_receivercall_change", args=[call.pk]),
        ),
        "admin:ecommerce_receivercall_changelist",
        "done_at__isempty=1",
    )


def _editor_url(row: ProductConfiguration) -> str:
    return reverse("admin:ecommerce_productconfiguration_change", args=[row.pk])
