from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('ecommerce', '0003_fill_payment_columns')]

    operations = [
        migrations.AlterField(
            model_name='purchase',
            name='order_number',
            field=models.CharField(editable=False, max_length=20, unique=True),
        ),
        migrations.AddConstraint(
            model_name='purchase',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['paid', 'failed', 'trialing', 'active', 'past_due', 'unpaid', 'paused', 'incomplete', 'canceled', 'open', 'processing', 'expired'])), name='purchase_status_known'),
        ),
    ]
