import re
from hashlib import sha256

from django.db import migrations
from django.utils.text import slugify


def repair_slugs(apps, schema_editor):
    """Slugs that are part of no URL, or of one of our own pages. All others stay as they are."""
    rows = apps.get_model("ecommerce", "ProductConfiguration").objects
    for row in rows.order_by("pk").only("slug", "product_id").iterator():
        if re.fullmatch(r"[-a-zA-Z0-9_]+", row.slug) and row.slug.lower() != "changes":
            continue
        base = slugify(row.slug)[:14].strip("-_") or "product"
        digest = sha256(row.product_id.encode()).hexdigest()
        wanted = (f"{base}-{digest[:length]}" for length in (8, 16, 32, 64))
        row.slug = next(slug for slug in wanted if not rows.filter(slug__iexact=slug).exists())
        row.save(update_fields=["slug"])


class Migration(migrations.Migration):

    dependencies = [
        ('ecommerce', '0012_subscription_constraints'),
    ]

    operations = [
        migrations.RunPython(repair_slugs, migrations.RunPython.noop),
    ]
