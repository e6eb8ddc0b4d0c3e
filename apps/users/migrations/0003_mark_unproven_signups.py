"""What the code before this release left: who signed up and proved nothing, and who has no address any more."""

from django.db import migrations


def mark_unproven_signups(apps, schema_editor):
    """Signing up made the address's row primary. Accounts that an operator made have no row, or one that is not."""
    User = apps.get_model("users", "User")
    EmailAddress = apps.get_model("account", "EmailAddress")
    proven = EmailAddress.objects.filter(verified=True).values("user")
    signed_up = EmailAddress.objects.filter(verified=False, primary=True).values("user")
    User.objects.filter(pk__in=signed_up).exclude(pk__in=proven).update(unproven_signup=True)


def restore_addresses(apps, schema_editor):
    """Correcting an unproven address emptied User.email. The corrected one is in a row of its own."""
    User = apps.get_model("users", "User")
    EmailAddress = apps.get_model("account", "EmailAddress")
    for user in User.objects.filter(email=""):
        row = EmailAddress.objects.filter(user=user).order_by("-verified", "-pk").first()
        if row and not User.objects.filter(email__iexact=row.email).exists():
            user.email, user.unproven_signup = row.email, not row.verified
            user.save(update_fields=["email", "unproven_signup"])


class Migration(migrations.Migration):

    dependencies = [
        ('users', '0002_address_proof'),
        ('account', '0009_emailaddress_unique_primary_email'),
    ]

    operations = [
        migrations.RunPython(mark_unproven_signups, migrations.RunPython.noop),
        migrations.RunPython(restore_addresses, migrations.RunPython.noop),
    ]
