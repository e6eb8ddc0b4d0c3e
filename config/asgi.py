import os

from django.core.asgi import get_asgi_application

from config.production_checks import exit_if_misconfigured

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
exit_if_misconfigured()
application = get_asgi_application()
from apps.core import page_cache  # noqa: E402  (needs the settings)

page_cache.drop_pages()  # the cache may contain pages of the previous release
