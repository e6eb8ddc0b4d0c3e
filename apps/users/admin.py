from typing import Any, ClassVar

from allauth.account.admin import EmailAddressAdmin as AllauthEmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.admin import SocialAccountAdmin as AllauthSocialAccountAdmin
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.users import personal_data
from apps.users.erasure import erase_users
from apps.users.models import User

# Some are registered again below. Social apps are in the settings, tokens are not stored, sessions are private.
admin.site.unregister(
    [Authenticator, EmailAddress, Group, SocialAccount, SocialApp, SocialToken, UserSession]
)

PERMISSION_FIELDS = ("is_staff", "is_superuser", "groups", "user_permissions")


# Only superusers may edit operators.
def can_edit(request: HttpRequest, user: User | None) -> bool:
    return request.user.is_superuser or user is None or not (user.is_staff or user.is_superuser)


class SuperuserAdmin(admin.ModelAdmin):
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    has_add_permission = has_delete_permission = has_change_permission


class SignInDataAdmin(SuperuserAdmin):
    """Let operators delete these rows, because Django's admin requires it for deleting their user."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_allowed = admin.ModelAdmin.has_delete_permission(self, request, obj)
        return is_allowed and can_edit(request, obj and obj.user)


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    ordering = ("-date_joined",)
    list_display = ("email", "name", "is_active", "is_staff", "date_joined", "last_login")
    list_filter = ("is_active", "is_staff")
    actions = (erase_users,)
    search_fields = ("email", "name")
    readonly_fields: ClassVar[tuple[str, ...]] = ("date_joined", "last_login")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Permissions", {"fields": ("is_active", *PERMISSION_FIELDS)}),
        ("Dates", {"fields": ("date_joined", "last_login")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("email", "usable_password", "password1", "password2")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        return self.readonly_fields + (() if request.user.is_superuser else PERMISSION_FIELDS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and can_edit(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and can_edit(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Block the deletion of users with a running subscription or a pending payment."""
        deleted, counts, missing, protected = super().get_deleted_objects(objs, request)
        reasons = [f"{user}: {reason}" for user in objs for reason in personal_data.deletion_blockers(user)]
        return deleted, counts, missing, [*protected, *reasons]


@admin.register(Group)
class GroupAdmin(SuperuserAdmin, DjangoGroupAdmin):
    pass


@admin.register(EmailAddress)
class EmailAddressAdmin(SignInDataAdmin, AllauthEmailAddressAdmin):  # type: ignore[misc]
    @admin.action(permissions=["change"], description=_("Mark selected e-mail addresses as confirmed"))
    def make_verified(self, request: HttpRequest, queryset: QuerySet[EmailAddress]) -> None:
        super().make_verified(request, queryset)


@admin.register(SocialAccount)
class SocialAccountAdmin(SignInDataAdmin, AllauthSocialAccountAdmin):  # type: ignore[misc]
    pass


@admin.register(Authenticator)
# For users who lost their phone. Secrets are not shown.
class AuthenticatorAdmin(SuperuserAdmin):
    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    search_fields = ("user__email",)
    fields = readonly_fields = ("user", "type", "created_at", "last_used_at")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Refuse lookups like data__secret__startswith, which would reveal a secret."""
        return not lookup.startswith("data") and super().lookup_allowed(lookup, value, request)
