from django.apps import AppConfig


class EcommerceConfig(AppConfig):
    name = "apps.ecommerce"
    verbose_name = "Store"

    def ready(self) -> None:
        from apps.users import personal_data

        from . import checks  # noqa: F401
        from .personal_data import purchases_of, running_subscription

        personal_data.sections["purchases"] = purchases_of
        personal_data.objections.append(running_subscription)
