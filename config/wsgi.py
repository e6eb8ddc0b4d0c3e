"""WSGI entry point; config/serve.py serves it."""

import os

from django.core.wsgi import get_wsgi_application

from config.launch import refuse_to_start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
refuse_to_start()

application = get_wsgi_application()
from apps.ecommerce import catalogue_version  # noqa: E402  (needs the settings)

catalogue_version.changed()  # new code or new settings make new pages
