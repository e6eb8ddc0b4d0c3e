from django.apps import AppConfig
from django.contrib.admin import apps as admin
from django.utils.translation import gettext_lazy as _


class UsersConfig(AppConfig):
    name = "apps.users"
    verbose_name = _("Users")

    def ready(self) -> None:
        from apps.users import checks, email_verification, mfa  # noqa: F401  (receivers of allauth, checks)


class ShopAdminConfig(admin.AdminConfig):
    default = False  # UsersConfig is the default
    default_site = "apps.users.admin_site.ShopAdminSite"
