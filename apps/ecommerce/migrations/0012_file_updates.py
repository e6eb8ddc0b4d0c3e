from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ecommerce", "0011_product_files")]
    operations = [
        migrations.RemoveField("productconfiguration", "download"),
        migrations.AddField(
            model_name='purchase',
            name='unsubscribed_at',
            field=models.DateTimeField(blank=True, help_text='When the buyer stopped e-mails about new versions of files.', null=True),
        ),
        migrations.AlterField(
            model_name='mail',
            name='kind',
            field=models.CharField(choices=[('confirmed', 'purchase confirmed'), ('receipt', 'receipt'), ('waiting', 'payment processing'), ('failed', 'payment failed'), ('trial_ending', 'trial ending'), ('renewal_upcoming', 'renewal upcoming'), ('renewal_failed', 'renewal failed'), ('plan_changed', 'plan changed'), ('ending', 'subscription ending'), ('ended', 'subscription ended'), ('refunded', 'refunded'), ('disputed', 'payment disputed'), ('suspended', 'access paused'), ('restored', 'access restored'), ('updated', 'new version of a file')], max_length=20),
        ),
    ]
