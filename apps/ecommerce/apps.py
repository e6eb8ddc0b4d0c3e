from django.apps import AppConfig


class EcommerceConfig(AppConfig):
    name = "apps.ecommerce"
    verbose_name = "Store"

    def ready(self) -> None:
        from . import checks  # noqa: F401
