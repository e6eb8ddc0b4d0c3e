from django.db import migrations, models


class Migration(migrations.Migration):
    """Apart from 0011: PostgreSQL alters no table that has changed rows in the same transaction."""

    dependencies = [("ecommerce", "0011_subscription_status")]

    operations = [
        migrations.AddConstraint(
            model_name="purchase",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_recurring", True), ("status", "open")),
                fields=("user", "product", "livemode"),
                name="one_open_recurring_checkout",
            ),
        ),
        migrations.AddConstraint(
            model_name="purchase",
            constraint=models.UniqueConstraint(
                condition=models.Q(("subscription_id", ""), _negated=True),
                fields=("subscription_id",),
                name="one_purchase_per_subscription",
            ),
        ),
    ]
