import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('ecommerce', '0018_product_labels')]

    operations = [
        migrations.AddField(
            model_name='payment',
            name='livemode',
            field=models.BooleanField(null=True),
        ),
        migrations.AddField(
            model_name='payment',
            name='product',
            field=models.ForeignKey(db_index=False, help_text="What was paid for. The order's product may change with its plan.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ecommerce.product'),
        ),
        migrations.AddField(
            model_name='payment',
            name='dispute_amount',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='payment',
            name='disputed_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='purchase',
            name='monthly_amount',
            field=models.BigIntegerField(blank=True, help_text='What the running subscription pays in a month. Empty if it does not run.', null=True),
        ),
        migrations.CreateModel(
            name='Refund',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('livemode', models.BooleanField()),
                ('stripe_id', models.CharField(max_length=255, unique=True)),
                ('amount', models.BigIntegerField(help_text='In the smallest unit, such as cents.')),
                ('currency', models.CharField(max_length=3)),
                ('status', models.CharField(help_text="At Stripe. Refunds that are “failed” or “canceled” don't count.", max_length=40)),
                ('reason', models.CharField(blank=True, max_length=100)),
                ('created_at', models.DateTimeField()),
                ('payment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='refunds', to='ecommerce.payment')),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(fields=['livemode', 'created_at', 'currency', 'status', 'amount'], name='refund_figures')],
            },
        ),
        migrations.CreateModel(
            name='SubscriptionChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('livemode', models.BooleanField()),
                ('at', models.DateTimeField()),
                ('currency', models.CharField(max_length=3)),
                ('monthly_amount_change', models.BigIntegerField(help_text='In the smallest unit, such as cents.')),
                ('count_change', models.SmallIntegerField(default=0, help_text='1: the subscription began to run. −1: it ended. 0: its amount has changed.')),
                ('purchase', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='subscription_changes', to='ecommerce.purchase')),
            ],
            options={
                'ordering': ['at', 'id'],
                'indexes': [models.Index(fields=['livemode', 'at', 'currency', 'count_change', 'monthly_amount_change'], name='subscription_figures')],
            },
        ),
    ]
