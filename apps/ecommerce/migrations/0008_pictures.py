from django.db import migrations, models


def with_their_size(apps, schema_editor):
    """Copies were mere addresses. They are shown as they are until the next sync makes the sizes that pages use."""
    products = apps.get_model("ecommerce", "Product").objects
    for product in products.iterator():
        product.copies = {
            url: {"address": copy, "width": 1200, "height": 900, "widths": []} if copy else None
            for url, copy in product.copies.items()
        }
        product.save(update_fields=["copies"])


class Migration(migrations.Migration):

    dependencies = [
        ('ecommerce', '0007_position_index'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='product',
            name='image',
        ),
        migrations.AlterField(
            model_name='product',
            name='copies',
            field=models.JSONField(blank=True, default=dict, help_text="Stripe's address of an image ▶ our Picture of it; empty if it can't be had."),
        ),
        migrations.RunPython(with_their_size, migrations.RunPython.noop),
        migrations.AddField(
            model_name='productconfiguration',
            name='fingerprint',
            field=models.CharField(default='', editable=False, max_length=32),
        ),
        migrations.AddField(
            model_name='productconfiguration',
            name='changed_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='productconfiguration',
            name='share_image',
            field=models.CharField(default='', editable=False, max_length=100),
        ),
    ]
