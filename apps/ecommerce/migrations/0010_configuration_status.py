from django.db import migrations, models


def fill_status(apps, schema_editor):
    rows = apps.get_model("ecommerce", "ProductConfiguration").objects.using(schema_editor.connection.alias)
    rows.filter(is_active=False).update(status="hidden")


def fill_is_active(apps, schema_editor):
    rows = apps.get_model("ecommerce", "ProductConfiguration").objects.using(schema_editor.connection.alias)
    rows.exclude(status="on_sale").update(is_active=False)


class Migration(migrations.Migration):
    dependencies = [("ecommerce", "0009_products_of_your_own")]
    operations = [
        migrations.RunPython(fill_status, fill_is_active),
        migrations.RemoveField("productconfiguration", "is_active"),
    ]
