"""Move refunds and disputes from the status to `suspended_by`. reconcile_purchases copies the payments from Stripe."""

from django.db import migrations
from django.db.models import Q

# The status of a subscription at Stripe ▶ the purchase's status.
SUBSCRIPTION_STATUS = {
    'trialing': 'trialing',
    'active': 'active',
    'past_due': 'past_due',
    'unpaid': 'unpaid',
    'paused': 'paused',
    'incomplete_expired': 'expired',
    'canceled': 'canceled',
    'missing': 'canceled',
}
REVERSED = ('refunded', 'disputed', 'dispute_lost')
BATCH_SIZE = 200
FIELDS = [
    'order_number', 'product_name', 'price_name', 'suspended_by', 'status', 'paid_until', 'past_due_since', 'has_paid',
]
ALPHABET = '23456789ABCDEFGHJKMNPQRSTUVWXYZ'


def order_number(public_id):
    letters, rest = '', public_id.int
    for _ in range(8):
        rest, digit = divmod(rest, len(ALPHABET))
        letters += ALPHABET[digit]
    return f'W-{letters[:4]}-{letters[4:]}'


def fill_purchases(apps, schema_editor):
    purchases = apps.get_model('ecommerce', 'Purchase').objects.using(schema_editor.connection.alias)
    ids = list(purchases.order_by('pk').values_list('pk', flat=True))
    for start in range(0, len(ids), BATCH_SIZE):
        rows = list(purchases.filter(pk__in=ids[start:start + BATCH_SIZE]).select_related('product', 'price'))
        for row in rows:
            fill_purchase(row)
        purchases.bulk_update(rows, FIELDS)


def fill_purchase(row):
    row.order_number = order_number(row.public_id)
    row.product_name = row.product.name
    row.price_name = row.price.nickname
    if row.status in REVERSED:
        row.suspended_by = row.status
    if row.status in (*REVERSED, 'partially_refunded'):
        default = 'incomplete' if row.subscription_id else 'paid'
        row.status = SUBSCRIPTION_STATUS.get(row.subscription_status, default)
    if row.subscription_id:
        # Access stays as it was until the payments are copied.
        is_paid = row.status in ('trialing', 'active')
        row.paid_until = row.current_period_end if is_paid else row.current_period_start
        if row.status == 'past_due':
            row.past_due_since = row.current_period_start
    row.has_paid = bool(row.paid_at) and (bool(row.amount_total) or row.status != 'trialing')


def fill_history(apps, schema_editor):
    changes = apps.get_model('ecommerce', 'StatusChange').objects.using(schema_editor.connection.alias)
    is_subscription = Q(purchase__is_recurring=True)
    for name in (*REVERSED, 'partially_refunded'):
        suspended_by = name if name in REVERSED else ''
        for status, kind in (('active', is_subscription), ('paid', ~is_subscription)):
            changes.filter(kind, to_status=name).update(to_status=status, suspended_by=suspended_by)
            changes.filter(kind, from_status=name).update(from_status=status)


class Migration(migrations.Migration):

    dependencies = [('ecommerce', '0002_payments')]

    operations = [
        migrations.RunPython(fill_purchases, migrations.RunPython.noop),
        migrations.RunPython(fill_history, migrations.RunPython.noop),
    ]
