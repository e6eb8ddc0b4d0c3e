"""The admin's action "Erase personal data", for a person who asks the operator. Users themselves: views.delete."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from apps.users import personal_data
from apps.users.models import User


@admin.action(permissions=["delete"], description=_("Erase personal data of selected users"))
def erase_users(
    model_admin: admin.ModelAdmin, request: HttpRequest, users: QuerySet[User]
) -> TemplateResponse | None:
    """Show what would be erased and what is kept. Erase it when that page is confirmed."""
    chosen = list(users)
    if not all(model_admin.has_delete_permission(request, user) for user in chosen):
        raise PermissionDenied
    if "confirmed" not in request.POST:
        rows = [(user, _find_refusals(user), personal_data.kept_records(user)) for user in chosen]
        context = {
            **model_admin.admin_site.each_context(request),
            "title": _("Erase personal data"),
            "opts": model_admin.model._meta,
            "rows": rows,
            "can_erase": any(not refusals for _user, refusals, _kept in rows),
        }
        return TemplateResponse(request, "users/admin/erase.html", context)
    for user in chosen:
        _erase(model_admin, request, user)
    return None


def _erase(model_admin: admin.ModelAdmin, request: HttpRequest, user: User) -> None:
    pk, email = str(user.pk), user.email
    refusals = _find_refusals(user) or personal_data.delete_account(user)
    for refusal in refusals:
        model_admin.message_user(request, f"{email}: {refusal}", messages.ERROR)
    if refusals:
        return
    values: dict[str, Any] = {
        "content_type": ContentType.objects.get_for_model(User),
        "object_id": pk,
        "object_repr": f"user {pk}",
    }
    # Django's entries about the user contain the e-mail address.
    entries = LogEntry.objects.filter(content_type=values["content_type"], object_id=pk)
    entries.update(object_repr=values["object_repr"], change_message="")
    LogEntry.objects.create(
        **values, user_id=str(request.user.pk), action_flag=DELETION, change_message="Erased on request."
    )
    model_admin.message_user(request, _("The personal data of user %(number)s was erased.") % {"number": pk})


def _find_refusals(user: User) -> list[str]:
    if user.is_staff or user.is_superuser:
        return [str(_("This is an operator. Take the rights away first."))]
    return personal_data.shown_deletion_blockers(user)
