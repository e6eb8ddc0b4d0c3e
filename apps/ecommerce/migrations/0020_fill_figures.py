"""Fill the new columns of payments, and the ledger of subscriptions as far as the database knows their past.

The amounts are those of today's prices, without discounts. The next sync of a subscription corrects its current amount.
"""

from fractions import Fraction

from django.db import migrations
from django.db.models import Max, Min, OuterRef, Q, Subquery
from django.utils import timezone

BATCH_SIZE = 200
PERIODS_PER_MONTH = {'day': Fraction(365, 12), 'week': Fraction(52, 12), 'month': Fraction(1), 'year': Fraction(1, 12)}
RUNNING = ('active', 'past_due')
NOT_STARTED = ('open', 'processing', 'incomplete', 'trialing')


def fill_payments(apps, schema_editor):
    alias = schema_editor.connection.alias
    purchases = apps.get_model('ecommerce', 'Purchase').objects.using(alias).filter(pk=OuterRef('purchase'))
    apps.get_model('ecommerce', 'Payment').objects.using(alias).update(
        livemode=Subquery(purchases.values('livemode')[:1]),
        product=Subquery(purchases.values('product')[:1]),
    )


def fill_ledger(apps, schema_editor):
    alias = schema_editor.connection.alias
    purchases = apps.get_model('ecommerce', 'Purchase').objects.using(alias).filter(is_recurring=True)
    ledger = apps.get_model('ecommerce', 'SubscriptionChange')
    ids = list(purchases.exclude(status__in=NOT_STARTED).order_by('pk').values_list('pk', flat=True))
    is_paid = Q(payments__status='paid', payments__amount_paid__gt=0)
    for start in range(0, len(ids), BATCH_SIZE):
        rows = purchases.filter(pk__in=ids[start:start + BATCH_SIZE]).select_related('price')
        rows = rows.annotate(
            first_paid_at=Min('payments__paid_at', filter=is_paid),
        )
        ends = dict(
            apps.get_model('ecommerce', 'StatusChange').objects.using(alias)
            .filter(purchase__in=ids[start:start + BATCH_SIZE])
            .exclude(to_status__in=RUNNING + NOT_STARTED)
            .order_by().values_list('purchase').annotate(at=Max('at'))
        )
        changes, running = [], []
        for row in rows:
            began_at = begin_of(row)
            if began_at is None:
                continue
            amount = monthly_amount(row)
            changes.append(change(ledger, row, began_at, amount, 1))
            if row.status in RUNNING:
                row.monthly_amount = amount
                running.append(row)
            else:
                ended_at = ends.get(row.pk) or row.cancel_at or timezone.now()
                changes.append(change(ledger, row, max(began_at, ended_at), -amount, -1))
        ledger.objects.using(alias).bulk_create(changes)
        purchases.bulk_update(running, ['monthly_amount'])


def begin_of(row):
    """Return when the first period after a free trial was paid; None if there is none."""
    if row.first_paid_at:
        return max(row.first_paid_at, row.trial_end) if row.trial_end else row.first_paid_at
    is_free = row.status in RUNNING and row.paid_until and not (row.trial_end and row.paid_until <= row.trial_end)
    return (row.paid_at or row.created_at) if is_free else None


def monthly_amount(row):
    price = row.price
    amount = price.unit_amount if price.currency == row.currency else price.currency_options.get(row.currency)
    if amount is None or price.interval not in PERIODS_PER_MONTH:
        return 0
    exact = amount * row.quantity * PERIODS_PER_MONTH[price.interval] / (price.interval_count or 1)
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


def change(ledger, row, at, amount, count):
    return ledger(
        purchase_id=row.pk, livemode=row.livemode, at=at, currency=row.currency,
        monthly_amount_change=amount, count_change=count,
    )


class Migration(migrations.Migration):

    dependencies = [('ecommerce', '0019_figures')]

    operations = [
        migrations.RunPython(fill_payments, migrations.RunPython.noop),
        migrations.RunPython(fill_ledger, migrations.RunPython.noop),
    ]
