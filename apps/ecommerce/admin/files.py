from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import FileField, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.content.file_updates import announce, recipients
from apps.ecommerce.models import FileVersion, Lesson, Price, ProductConfiguration, ProductFile

from .private_files import PrivateFileInput
from .read_only import ProductContentsAdmin, ProductFilter, filtered_product


class ProductFileForm(forms.ModelForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        products: Any = self.fields.get("configuration")
        if products:
            products.queryset = ProductConfiguration.objects.select_related("product")
        lessons: Any = self.fields.get("lesson")  # the field is missing for staff with view permission only
        if lessons:
            lessons.queryset = self._lessons()
            lessons.label_from_instance = lambda lesson: f"{lesson.section.configuration}: {lesson}"

    def _lessons(self) -> QuerySet[Lesson]:
        """Return the lessons of the product, or all while the product is not known."""
        lessons = Lesson.objects.select_related("section__configuration__product")
        product = self.instance.configuration_id or self.initial.get("configuration")
        # A sent form may name another product. It is refused with the product to which the lesson belongs.
        return lessons.filter(section__configuration=product) if product and not self.is_bound else lessons

    def clean(self) -> dict[str, Any] | None:
        data = super().clean() or self.cleaned_data
        configuration = data.get("configuration") or getattr(self.instance, "configuration", None)
        if configuration:
            self._check_plan(configuration, data.get("plan", ""))
            self._check_lesson(configuration, data.get("lesson"))
        return data

    def _check_plan(self, configuration: ProductConfiguration, plan: str) -> None:
        prices = Price.objects.filter(product=configuration.product_id).exclude(plan="")
        plans = sorted(set(prices.values_list("plan", flat=True)))
        if plan and plan not in plans:
            error = gettext("No price of %(product)s has this plan. Its plans: %(plans)s")
            self.add_error("plan", error % {"product": configuration, "plans": ", ".join(plans) or "—"})

    def _check_lesson(self, configuration: ProductConfiguration, lesson: Any) -> None:
        if lesson and lesson.section.configuration_id != configuration.pk:
            error = gettext("This lesson belongs to %(product)s.")
            self.add_error("lesson", error % {"product": lesson.section.configuration})


class FileVersionForm(forms.ModelForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:  # owners may have downloaded it; another file needs a new version
            self.fields["upload"].disabled = True


class FileVersionInline(admin.StackedInline):
    model = FileVersion
    form = FileVersionForm
    extra = 1
    fields = ("upload", "label", "notes", "facts")
    readonly_fields = ("facts",)
    formfield_overrides = {FileField: {"widget": PrivateFileInput}}

    @admin.display(description=_("details"))
    def facts(self, version: FileVersion) -> str:
        if not version.pk:
            return "—"
        facts = [filesizeformat(version.size), f"{version.created_at:%Y-%m-%d %H:%M} UTC", version.sha256]
        if version.announced_at:
            notified = gettext("owners notified on %(day)s") % {"day": f"{version.announced_at:%Y-%m-%d}"}
            facts.append(notified)
        return " · ".join(filter(None, facts))


@admin.register(ProductFile)
class ProductFileAdmin(ProductContentsAdmin):
    form = ProductFileForm
    inlines = (FileVersionInline,)
    change_form_template = "ecommerce/admin/product_file.html"
    list_display = ("name", "configuration", "newest", "is_sample", "plan", "position")
    list_editable = ("position",)
    list_filter = ("is_sample", ("configuration", ProductFilter))
    list_select_related = ("configuration__product",)
    search_fields = ("name", "configuration__product__name")
    fields = ("configuration", "name", "lesson", "plan", "is_sample", "position")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProductFile]:
        return super().get_queryset(request).prefetch_related("versions")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("configuration",) if obj else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> Any:
        return super().get_changeform_initial_data(request) | filtered_product(request)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.announce_view)
        route = path("<path:object_id>/announce/", view, name="ecommerce_productfile_announce")
        return [route, *super().get_urls()]

    @admin.display(description=_("newest version"))
    def newest(self, file: ProductFile) -> str:
        version = next(iter(file.versions.all()), None)
        return f"{version} ({filesizeformat(version.size)})" if version else gettext("none yet")

    def announce_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the recipients of the e-mail about the newest version, and send it."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        file = self.get_object(request, object_id)
        version = file.versions.first() if file else None
        if file is None or version is None:
            raise Http404
        if request.method == "POST":
            self._announce(request, file, version, request.POST.get("version", ""))
            return redirect("admin:ecommerce_productfile_change", file.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Notify owners about this update"),
            "file": file,
            "version": version,
            "count": len(recipients(version)),
        }
        return TemplateResponse(request, "ecommerce/admin/announce_version.html", context)

    def _announce(self, request: HttpRequest, file: ProductFile, version: FileVersion, shown: str) -> None:
        if shown != str(version.pk):
            text = gettext("A newer version has been added in the meantime. Please look at it first.")
            self.message_user(request, text, messages.ERROR)
            return
        count = announce(version)
        if count is None:
            text = gettext("The owners have already been notified about this version.")
            self.message_user(request, text, messages.WARNING)
            return
        self.log_change(request, file, f"Notified {count} owners about version {version}.")
        text = ngettext(
            "%(count)d owner gets an e-mail. Large numbers of e-mails are sent in batches.",
            "%(count)d owners get an e-mail. Large numbers of e-mails are sent in batches.",
            count,
        )
        self.message_user(request, text % {"count": count}, messages.SUCCESS)
