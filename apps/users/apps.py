from django.apps import AppConfig
from django.contrib.admin import apps as admin
from django.utils.translation import gettext_lazy as _


class UsersConfig(AppConfig):
    name = "apps.users"
    verbose_name = _("People")

    def ready(self) -> None:
        from allauth.mfa.signals import authenticator_added

        from .second_factor import count_as_used

        authenticator_added.connect(count_as_used)


class ShopAdminConfig(admin.AdminConfig):
    default = False  # of the two in this file, that is UsersConfig
    default_site = "apps.users.admin_site.ShopAdminSite"
