from django.apps import AppConfig


class DevtoolsConfig(AppConfig):
    name = "apps.devtools"
    verbose_name = "Development tools"
