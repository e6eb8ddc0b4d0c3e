from django.db import migrations, models
from django.db.models import F, Q

# A refunded or disputed subscription is not in this list: its own status is unknown until reconcile_purchases asks.
KNOWN = ("trialing", "active", "past_due", "unpaid", "paused", "incomplete", "canceled")


def fill(apps, schema_editor):
    purchases = apps.get_model("ecommerce", "Purchase").objects
    prices = apps.get_model("ecommerce", "Price").objects
    recurring = prices.filter(type="recurring").values("id")
    purchases.filter(Q(price__in=recurring) | ~Q(subscription_id="")).update(is_recurring=True)
    subscriptions = purchases.exclude(subscription_id="")
    subscriptions.filter(status__in=KNOWN).update(subscription_status=F("status"))
    subscriptions.filter(status="expired").update(subscription_status="incomplete_expired")


def close_second_checkouts(apps, schema_editor):
    """Keep the newest open recurring checkout of a buyer and product; sync_purchase expires the others at Stripe."""
    purchases = apps.get_model("ecommerce", "Purchase").objects
    seen = set()
    rows = purchases.filter(status="open", is_recurring=True).exclude(user=None).order_by("-created_at", "-id")
    for row in rows:
        key = (row.user_id, row.product_id, row.livemode)
        if key in seen:
            purchases.filter(pk=row.pk).update(status="expired", version=F("version") + 1)
            row.changes.create(
                from_status="open",
                to_status="expired",
                version=row.version + 1,
                cause="one open checkout per subscription",
            )
        seen.add(key)


class Migration(migrations.Migration):
    dependencies = [("ecommerce", "0010_store_indexes")]

    operations = [
        migrations.AddField(
            model_name="purchase",
            name="is_recurring",
            field=models.BooleanField(
                default=False, help_text="Whether the price renewed when it was chosen: a subscription."
            ),
        ),
        migrations.AddField(
            model_name="purchase",
            name="subscription_status",
            field=models.CharField(
                blank=True,
                help_text="Stripe's own word; refunds and disputes don't change it.",
                max_length=30,
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(close_second_checkouts, migrations.RunPython.noop, elidable=True),
    ]
