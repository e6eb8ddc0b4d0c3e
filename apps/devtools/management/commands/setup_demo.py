from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.devtools.demo_goods import fill_product
from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User

PASSWORD = "demo-shop-2026"  # noqa: S105  (`make run` prints it)
USERS: dict[str, dict[str, Any]] = {
    "ada@example.com": {"name": "Ada"},
    "olive@example.com": {"name": "Olive", "is_staff": True, "is_superuser": True},
}


class Command(BaseCommand):
    help = "Create demo users and the content of the demo products (development only). Safe to repeat."

    def handle(self, *args: object, **options: object) -> None:
        if not settings.DEBUG:
            raise CommandError("setup_demo creates users with a public password, so it needs DEBUG=true.")
        for email, fields in USERS.items():
            if not User.objects.filter(email=email).exists():
                user = User.objects.create_user(email, PASSWORD, **fields)
                EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
                self.stdout.write(f"Created demo account: {email}")
        for configuration in ProductConfiguration.objects.order_by("position", "id"):
            if fill_product(configuration):
                self.stdout.write(f"Added demo content: {configuration.slug}")
