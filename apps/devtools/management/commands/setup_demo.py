from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand, CommandError

from apps.devtools import demo_files
from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User

PASSWORD = "demo-shop-2026"  # noqa: S105  (printed by `make run`; exists with DEBUG only)
PEOPLE = {"ada@example.com": ("Ada", False), "olive@example.com": ("Olive", True)}


class Command(BaseCommand):
    help = "Development only: demo people, and content and downloads for the demo products. Safe to repeat."

    def handle(self, *args: object, **options: object) -> None:
        if not settings.DEBUG:
            raise CommandError(
                "setup_demo makes accounts with a public password, so it runs with DEBUG=true only."
            )
        for email, (name, operator) in PEOPLE.items():
            self._person(email, name, operator)
        for configuration in ProductConfiguration.objects.select_related("product"):
            self._fill(configuration)

    def _person(self, email: str, name: str, operator: bool) -> None:
        if User.objects.filter(email=email).exists():
            return
        user = User.objects.create_user(email, PASSWORD, name=name, is_staff=operator, is_superuser=operator)
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
        self.stdout.write(f"Demo login: {email}")

    def _fill(self, configuration: ProductConfiguration) -> None:
        """Only what is still empty: a founder's words and files stay as they are."""
        if configuration.content or configuration.download:
            return
        configuration.content = demo_files.content(configuration.slug)
        if file := demo_files.download(configuration.slug):
            name, data = file
            configuration.download.save(name, ContentFile(data), save=False)
        if configuration.content or configuration.download:
            configuration.save()
            self.stdout.write(f"Demo content: {configuration.slug}")
