import io
import zipfile
from pathlib import Path
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand, CommandError

from apps.ecommerce.models import FileVersion, ProductConfiguration, ProductFile
from apps.users.models import User

# <slug>.md is the content of a product, the files in <slug>/ are its download.
DEMO_DIR = Path(__file__).parents[2] / "demo"
PASSWORD = "demo-shop-2026"  # noqa: S105  (`make run` prints it)
USERS: dict[str, dict[str, Any]] = {
    "ada@example.com": {"name": "Ada"},
    "olive@example.com": {"name": "Olive", "is_staff": True, "is_superuser": True},
}


class Command(BaseCommand):
    help = "Create demo users, and content and downloads of the demo products (development only). Safe to repeat."

    def handle(self, *args: object, **options: object) -> None:
        if not settings.DEBUG:
            raise CommandError("setup_demo creates users with a public password, so it needs DEBUG=true.")
        for email, fields in USERS.items():
            if not User.objects.filter(email=email).exists():
                user = User.objects.create_user(email, PASSWORD, **fields)
                EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
                self.stdout.write(f"Created demo account: {email}")
        for configuration in ProductConfiguration.objects.filter(content="", files=None).select_related(
            "product"
        ):
            content = DEMO_DIR / f"{configuration.slug}.md"
            if content.is_file():
                configuration.content = content.read_text()
                configuration.save()
                if paths := sorted((DEMO_DIR / configuration.slug).glob("*")):
                    _add_file(configuration, paths)
                self.stdout.write(f"Added demo content: {configuration.slug}")


def _add_file(configuration: ProductConfiguration, paths: list[Path]) -> None:
    file = ProductFile.objects.create(configuration=configuration, name=configuration.product.name)
    name = paths[0].name if len(paths) == 1 else f"{configuration.slug}.zip"
    data = paths[0].read_bytes() if len(paths) == 1 else _zip(paths)
    FileVersion.objects.create(file=file, upload=ContentFile(data, name=name))


def _zip(files: list[Path]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.name)
    return buffer.getvalue()
