import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('ecommerce', '0020_fill_figures')]

    operations = [
        migrations.AlterField(
            model_name='payment',
            name='livemode',
            field=models.BooleanField(),
        ),
        migrations.AlterField(
            model_name='payment',
            name='product',
            field=models.ForeignKey(db_index=False, help_text="What was paid for. The order's product may change with its plan.", on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ecommerce.product'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(fields=['livemode', 'paid_at', 'currency', 'amount_paid'], name='payment_sales'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(fields=['livemode', 'product', 'currency', 'paid_at', 'amount_paid'], name='payment_sales_by_product'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(fields=['livemode', 'dispute_status', 'disputed_at'], name='payment_disputes'),
        ),
        migrations.AddIndex(
            model_name='purchase',
            index=models.Index(fields=['livemode', 'created_at', 'paid_at'], name='purchase_checkouts'),
        ),
        migrations.AddIndex(
            model_name='mail',
            index=models.Index(condition=models.Q(('given_up_at__isnull', False)), fields=['given_up_at'], name='mail_given_up'),
        ),
    ]
