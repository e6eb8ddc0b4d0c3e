"""WSGI entry point."""

import os

from django.core.wsgi import get_wsgi_application

from config.production_checks import refuse_to_start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
refuse_to_start()
application = get_wsgi_application()
from apps.core import page_cache  # noqa: E402  (needs the settings)

page_cache.invalidate()  # the code or the settings may be new
