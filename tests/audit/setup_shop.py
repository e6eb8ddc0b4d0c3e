"""Fill the shop for `make audit`: 30 products and a signed-in buyer.

.venv/bin/python -m tests.audit.setup_shop       prints the session cookie (JSON, the last line)
"""

from __future__ import annotations

import json
import os

import django

PRODUCTS = 30


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from apps.ecommerce.models import ProductConfiguration
    from apps.users.models import User
    from tests.e2e.scenes import fill_store
    from tests.factories import signed_in

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("bootstrap_ecommerce", verbosity=0)
    fill_store(PRODUCTS - ProductConfiguration.objects.on_sale().count())
    ada = User.objects.create_user("ada@example.com", "ada-buys-things", name="Ada Lovelace")
    cookie = signed_in(ada).cookies[settings.SESSION_COOKIE_NAME]
    print(f"\n{json.dumps({'name': cookie.key, 'value': cookie.value})}")


if __name__ == "__main__":
    main()
