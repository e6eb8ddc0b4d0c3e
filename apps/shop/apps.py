from django.apps import AppConfig


class ShopConfig(AppConfig):
    """Your own code. Updates of the template change nothing in this folder. See docs/extending.md."""

    name = "apps.shop"

    def ready(self) -> None:
        from apps.shop import receivers  # noqa: F401
