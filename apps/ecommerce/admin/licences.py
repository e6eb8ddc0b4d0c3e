from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.back_office.audit import ActionRefused
from apps.ecommerce.models import LicenceActivation, LicenceKey, OperatorAction, ProductConfiguration
from apps.ecommerce.purchases.licences import add_keys, issue_missing_keys, replace_licence_key

from .bulk import act_on_rows
from .read_only import ProductContentsAdmin, ProductFilter, ReadOnlyAdmin, ReadOnlyInline, filtered_product

MAX_KEYS = 100_000
MAX_FILE_BYTES = 10_000_000
MAX_KEY_LENGTH = LicenceKey._meta.get_field("key").max_length


class AddKeysForm(forms.Form):
    configuration = forms.ModelChoiceField(
        ProductConfiguration.objects.select_related("product"),
        label=_("Product"),
        help_text=_("Its setting has to be “take a key from the uploaded list”."),
    )
    keys = forms.CharField(
        label=_("Keys"), required=False, widget=forms.Textarea, help_text=_("One per line.")
    )
    file = forms.FileField(
        label=_("Or a text file"), required=False, help_text=_("One key per line, in UTF-8.")
    )

    def clean_file(self) -> str:
        file = self.cleaned_data["file"]
        if file is None:
            return ""
        if file.size > MAX_FILE_BYTES:
            raise forms.ValidationError(_("The file is larger than 10 MB."))
        try:
            text: str = file.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise forms.ValidationError(_("This is not a text file in UTF-8.")) from None
        return text

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        lines = f"{data.get('keys', '')}\n{data.get('file', '')}".splitlines()
        keys = list(dict.fromkeys(filter(None, (line.strip() for line in lines))))
        if not keys and not self.errors:
            raise forms.ValidationError(_("Enter at least one key."))
        if len(keys) > MAX_KEYS:
            raise forms.ValidationError(_("Add at most 100,000 keys at once."))
        for key in keys:
            if not key.isprintable() or len(key) > (MAX_KEY_LENGTH or 0):
                message = _("Keys have at most 100 characters, and no control characters: %(key)s")
                raise forms.ValidationError(message % {"key": ascii(key[:40])})
        return {**data, "all_keys": keys}


class ActivationInline(ReadOnlyInline):
    model = LicenceActivation
    fields = readonly_fields = ("instance", "created_at", "seen_at")


@admin.register(LicenceKey)
class LicenceKeyAdmin(ProductContentsAdmin, ReadOnlyAdmin):
    list_display = ("key", "configuration", "purchase", "issued_at", "computers", "replaced_at")
    list_filter = (
        ("configuration", ProductFilter),
        ("purchase", admin.EmptyFieldListFilter),
        ("replaced_at", admin.EmptyFieldListFilter),
    )
    list_select_related = ("configuration__product", "purchase__user")
    search_fields = ("key", "purchase__email", "purchase__order_number", "activations__instance")
    inlines = (ActivationInline,)
    actions = ("replace",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ecommerce.add_licencekey")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow deleting keys that are not sold, one by one."""
        is_unsold = obj is not None and obj.purchase_id is None
        return is_unsold and request.user.has_perm("ecommerce.delete_licencekey")

    def get_queryset(self, request: HttpRequest) -> QuerySet[LicenceKey]:
        rows: QuerySet[LicenceKey] = super().get_queryset(request)
        return rows.annotate(computer_count=Count("activations", distinct=True))

    @admin.display(description=_("activations"), ordering="computer_count")
    def computers(self, key: Any) -> int:
        count: int = key.computer_count
        return count

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Add the keys of a list, and issue them to buyers who wait for one."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = AddKeysForm(request.POST or None, request.FILES or None, initial=filtered_product(request))
        if request.method == "POST" and form.is_valid():
            self._add(request, form.cleaned_data["configuration"], form.cleaned_data["all_keys"])
            return redirect("admin:ecommerce_licencekey_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": _("Add license keys"),
            "opts": self.model._meta,
            "form": form,
        }
        return TemplateResponse(request, "ecommerce/admin/add_licence_keys.html", context)

    def _add(self, request: HttpRequest, configuration: ProductConfiguration, keys: list[str]) -> None:
        added = add_keys(configuration, keys)
        waiting = issue_missing_keys()
        text = ngettext("%(count)s key was added.", "%(count)s keys were added.", added)
        self.message_user(request, text % {"count": added})
        if configuration.licence_keys != ProductConfiguration.LicenceKeys.LISTED:
            warning = _(
                "%(product)s does not use the keys of this list. Choose “%(setting)s” on the product's page."
            )
            values = {"product": configuration, "setting": ProductConfiguration.LicenceKeys.LISTED.label}
            self.message_user(request, warning % values, messages.WARNING)
        if known := len(keys) - added:
            text = ngettext("%(count)s key is already known.", "%(count)s keys are already known.", known)
            self.message_user(request, text % {"count": known}, messages.WARNING)
        if waiting:
            text = ngettext(
                "%(count)s buyer is still waiting.", "%(count)s buyers are still waiting.", waiting
            )
            self.message_user(request, text % {"count": waiting}, messages.WARNING)

    @admin.action(description=_("Replace: give the buyer another key"), permissions=["change"])
    def replace(self, request: HttpRequest, keys: QuerySet[LicenceKey]) -> HttpResponse | None:
        return act_on_rows(
            self,
            request,
            keys.select_related("purchase"),
            action="replace-licence-key",
            label=_("Replace: give the buyer another key"),
            consequence=_(
                "The old key is not valid any more, and the buyer gets an e-mail with the new one."
            ),
            run=_replace,
            purchase=lambda key: key.purchase,
        )


def _replace(key: LicenceKey, entry: OperatorAction) -> str:
    if replace_licence_key(key) is None:
        raise ActionRefused(
            gettext(
                "The key was not replaced: it is not sold, it was replaced before, or there is no other key left."
            )
        )
    return gettext("%(key)s was replaced, and the buyer gets an e-mail.") % {"key": key}
