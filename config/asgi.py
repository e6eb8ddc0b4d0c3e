"""ASGI entry point."""

import os

from django.core.asgi import get_asgi_application

from config.production_checks import refuse_to_start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
refuse_to_start()
application = get_asgi_application()
