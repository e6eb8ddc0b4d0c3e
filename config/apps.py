from django.apps import AppConfig
from django.conf import settings

from config.site_lock import hold_site_lock


class ProjectConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from config import production_checks  # noqa: F401  (registers the checks)

        hold_site_lock(settings.VAR_DIR)
