from django.apps import AppConfig
from django.contrib.admin import apps as admin
from django.utils.translation import gettext_lazy as _


class UsersConfig(AppConfig):
    name = "apps.users"
    verbose_name = _("People")

    def ready(self) -> None:
        from allauth.account import signals
        from allauth.mfa.signals import authenticator_added
        from allauth.socialaccount.signals import social_account_added

        from apps.users import address_proof
        from apps.users.second_factor import count_as_used

        authenticator_added.connect(count_as_used)
        signals.user_signed_up.connect(address_proof.on_signed_up)
        signals.password_set.connect(address_proof.remember_password)
        signals.password_changed.connect(address_proof.remember_password)
        signals.password_reset.connect(address_proof.on_password_reset)
        signals.authentication_step_completed.connect(address_proof.on_authentication_step)
        signals.email_confirmed.connect(address_proof.on_email_confirmed)
        social_account_added.connect(address_proof.on_social_account_added)


class ShopAdminConfig(admin.AdminConfig):
    default = False  # of the two in this file, that is UsersConfig
    default_site = "apps.users.admin_site.ShopAdminSite"
