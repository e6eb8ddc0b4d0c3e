from django.apps import AppConfig


class ShopConfig(AppConfig):
    """Your own code. Updates of the template change nothing in this folder. See docs/README.md."""

    name = "apps.shop"

    def ready(self) -> None:
        from apps.shop import receivers  # noqa: F401
