from django.apps import AppConfig
from django.core.checks import register
from django.core.signals import setting_changed


class StripeSandboxConfig(AppConfig):
    name = "stripe_sandbox"

    def ready(self) -> None:
        from . import scheduler
        from .checks import refuse_real_money

        register(refuse_real_money)
        setting_changed.connect(scheduler.stop_if_changed)
