from django.apps import AppConfig
from django.core.checks import register


class StripeSandboxConfig(AppConfig):
    name = "stripe_sandbox"

    def ready(self) -> None:
        from .checks import refuse_real_money

        register(refuse_real_money)
