from django.db import migrations, models

MAX_NAME_LENGTH = 200


def create_files(apps, schema_editor):
    """Without reading the storage: `manage.py prune` fills sizes and checksums."""
    using = schema_editor.connection.alias
    product_file = apps.get_model("ecommerce", "ProductFile").objects.using(using)
    version = apps.get_model("ecommerce", "FileVersion").objects.using(using)
    rows = apps.get_model("ecommerce", "ProductConfiguration").objects.using(using).select_related("product")
    for row in rows.exclude(download=""):
        file = product_file.create(configuration=row, name=row.product.name[:MAX_NAME_LENGTH])
        version.create(file=file, upload=row.download.name)


def fill_downloads(apps, schema_editor):
    """A field can hold one file: the newest version of the first one."""
    rows = apps.get_model("ecommerce", "ProductConfiguration").objects.using(schema_editor.connection.alias)
    versions = apps.get_model("ecommerce", "FileVersion").objects.using(schema_editor.connection.alias)
    for row in rows.all():
        own = versions.filter(file__configuration=row)
        if newest := own.order_by("file__position", "file_id", "-created_at", "-id").first():
            rows.filter(pk=row.pk).update(download=newest.upload.name)


class Migration(migrations.Migration):
    dependencies = [("ecommerce", "0010_configuration_status")]
    operations = [
        migrations.AlterField(
            model_name="fileversion",
            name="upload",
            field=models.FileField(max_length=255, upload_to="downloads/%Y/%m/%d%H%M%S%f/"),
        ),
        migrations.RunPython(create_files, fill_downloads),
    ]
