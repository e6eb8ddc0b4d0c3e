"""Fill the shop for `make audit`: 30 products and a signed-in buyer.

.venv/bin/python -m tests.audit.setup_shop       prints JSON in the last line: the session cookie, a lesson's id
"""

from __future__ import annotations

import json
import os

import django

PRODUCTS = 30
COURSE = "ship-small"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from apps.devtools.demo_goods import fill_product
    from apps.ecommerce.models import Lesson, ProductConfiguration
    from apps.users.models import User
    from tests.e2e.scenes import fill_store
    from tests.factories import signed_in

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("bootstrap_ecommerce", verbosity=0)
    fill_store(PRODUCTS - ProductConfiguration.objects.on_sale().count())
    fill_product(ProductConfiguration.objects.get(slug=COURSE))
    lesson = Lesson.objects.filter(section__configuration__slug=COURSE).exclude(video_file="").first()
    ada = User.objects.create_user("ada@example.com", "ada-buys-things", name="Ada Lovelace")
    cookie = signed_in(ada).cookies[settings.SESSION_COOKIE_NAME]
    print(f"\n{json.dumps({'cookie': {'name': cookie.key, 'value': cookie.value}, 'lesson': lesson.pk})}")


if __name__ == "__main__":
    main()
