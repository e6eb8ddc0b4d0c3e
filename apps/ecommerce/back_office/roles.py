"""Create two groups of operators. You can change their permissions in the admin: updates only add new permissions."""

from typing import Any

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db.models import Q

SUPPORT, OPERATORS = "Support (read only)", "Operators"


def create_groups(**kwargs: Any) -> None:
    """Create the groups after each migration (signal post_migrate)."""
    known = set(Permission.objects.values_list("pk", flat=True))
    for label in ("account", "ecommerce", "users"):  # the permissions of later apps do not exist yet
        create_permissions(apps.get_app_config(label), verbosity=0)
    of_store = Q(content_type__app_label="ecommerce")
    view = of_store & Q(codename__startswith="view_")
    customers = Q(content_type__app_label="users", codename="view_user")
    view_only = (view & ~Q(codename="view_as_buyer")) | customers
    all_permissions = (
        of_store | customers | Q(content_type__app_label="account", codename="view_emailaddress")
    )
    for name, rule in ((SUPPORT, view_only), (OPERATORS, all_permissions)):
        group, is_new = Group.objects.get_or_create(name=name)
        allowed = Permission.objects.filter(rule)
        # Do not restore permissions that were removed from the group.
        group.permissions.add(*(allowed if is_new else allowed.exclude(pk__in=known)))
