"""Sections and lessons: their forms, and one page for each product with all of them in their order."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import FileField, Max, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.ecommerce.content.lesson_order import OrderChanged, move, save_order
from apps.ecommerce.models import Lesson, LessonProgress, ProductConfiguration, ProductFile, Section

from .lesson_form import LessonForm
from .private_files import PrivateFileInput

STEPS = {"up": -1, "down": 1}


def lessons_url(configuration_id: int, fragment: str = "") -> str:
    url = reverse("admin:ecommerce_lesson_order", args=[configuration_id])
    return f"{url}#{fragment}" if fragment else url


class CourseAdmin(admin.ModelAdmin):
    """Return to the product's page of lessons after saving and deleting. The index does not list these models."""

    def configuration_id(self, row: Any) -> int:
        raise NotImplementedError

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        return {}

    def response_post_save_add(self, request: HttpRequest, obj: Any) -> HttpResponseRedirect:
        return HttpResponseRedirect(
            lessons_url(self.configuration_id(obj), f"{self.opts.model_name}-{obj.pk}")
        )

    response_post_save_change = response_post_save_add

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        row = self.get_object(request, object_id)
        target = lessons_url(self.configuration_id(row)) if row else ""
        response = super().delete_view(request, object_id, extra_context)
        is_deleted = (
            row is not None and isinstance(response, HttpResponseRedirect) and request.method == "POST"
        )
        return HttpResponseRedirect(target) if is_deleted else response

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Count the owners' progress instead of listing a line for each of them."""
        rows = list(objs)
        field = "lesson__in" if self.model is Lesson else "lesson__section__in"
        owners = LessonProgress.objects.filter(**{field: rows}).values("user").distinct().count()
        lessons = rows if self.model is Lesson else list(Lesson.objects.filter(section__in=rows))
        names = [gettext("Lesson: %(title)s") % {"title": lesson.title} for lesson in lessons]
        if self.model is Section:
            names = [*(gettext("Section: %(title)s") % {"title": row.title} for row in rows), names]  # type: ignore[list-item]
        files = ProductFile.objects.filter(lesson__in=lessons).values_list("name", flat=True)
        kept = [
            gettext("The file “%(name)s” stays, as a file of the product") % {"name": name} for name in files
        ]
        progress = ngettext("The progress of %(count)d owner", "The progress of %(count)d owners", owners)
        texts = [*names, *kept, progress % {"count": owners}]
        may_delete = not lessons or request.user.has_perm("ecommerce.delete_lesson")
        missing = set() if may_delete else {str(Lesson._meta.verbose_name)}
        return texts, {self.opts.verbose_name_plural: len(rows)}, missing, []


@admin.register(Section)
class SectionAdmin(CourseAdmin):
    list_display = ("title", "configuration")
    list_select_related = ("configuration__product",)
    search_fields = ("title", "configuration__product__name")
    fields = ("configuration", "title")
    autocomplete_fields = ("configuration",)

    def configuration_id(self, row: Section) -> int:
        return row.configuration_id

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("configuration",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Section, form: Any, change: bool) -> None:
        if not change:
            obj.position = _next_position(Section.objects.filter(configuration=obj.configuration_id))
        super().save_model(request, obj, form, change)


@admin.register(Lesson)
class LessonAdmin(CourseAdmin):
    form = LessonForm
    list_display = ("title", "section", "product", "is_preview", "plan")
    list_select_related = ("section__configuration__product",)
    list_filter = ("is_preview",)
    search_fields = ("title", "section__title", "section__configuration__product__name")
    fields = (
        "section",
        "title",
        "text",
        "video",
        "video_file",
        "is_preview",
        "plan",
        "attachments",
        "fingerprint",
    )
    readonly_fields = ("attachments",)
    formfield_overrides = {FileField: {"widget": PrivateFileInput}}
    view_on_site = False  # the lesson's page is only for owners of the product

    def configuration_id(self, row: Lesson) -> int:
        return row.section.configuration_id

    @admin.display(description=_("product"))
    def product(self, row: Lesson) -> str:
        return str(row.section.configuration)

    @admin.display(description=_("attachments"))
    def attachments(self, row: Lesson) -> str:
        """Link to the files of the lesson, which have a page of their own in the admin."""
        if not row.pk:
            return gettext("Save the lesson first.")
        files = [(_admin_url("productfile_change", file.pk), file.name) for file in row.attachments.all()]
        links = format_html_join(", ", '<a href="{}">{}</a>', files)
        add = _admin_url("productfile_add")
        if not add:
            return links or "—"
        query = f"?configuration={row.section.configuration_id}&lesson={row.pk}"
        return format_html('{} <a href="{}{}">{}</a>', links, add, query, gettext("Add a file"))

    def save_model(self, request: HttpRequest, obj: Lesson, form: Any, change: bool) -> None:
        if not change or "section" in form.changed_data:
            obj.position = _next_position(Lesson.objects.filter(section=obj.section_id))
        super().save_model(request, obj, form, change)

    def get_urls(self) -> list[URLPattern]:
        order = path(
            "of-product/<int:configuration_id>/",
            self.admin_site.admin_view(self.order_view),
            name="ecommerce_lesson_order",
        )
        return [order, *super().get_urls()]

    def order_view(self, request: HttpRequest, configuration_id: int) -> HttpResponse:
        """List the sections and lessons of a product. Buttons and a drag change their order."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        configurations = ProductConfiguration.objects.select_related("product")
        configuration = get_object_or_404(configurations, pk=configuration_id)
        if request.method == "POST":
            if not self.has_change_permission(request):
                raise PermissionDenied
            return self._change_order(request, configuration)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Lessons of %(product)s") % {"product": configuration},
            "configuration": configuration,
            "sections": configuration.sections.prefetch_related("lessons"),
            "moved": request.GET.get("moved", ""),
            "can_change": self.has_change_permission(request),
        }
        return TemplateResponse(request, "ecommerce/admin/lessons.html", context)

    def _change_order(self, request: HttpRequest, configuration: ProductConfiguration) -> HttpResponse:
        direction, _space, key = request.POST.get("move", "").partition(" ")
        try:
            if direction in STEPS:
                move(configuration, key, STEPS[direction])
            else:
                save_order(configuration, request.POST.get("order", "").split())
        except OrderChanged:
            text = gettext("Someone else has changed the lessons in the meantime. The order was not saved.")
            messages.error(request, text)
            return HttpResponseRedirect(lessons_url(configuration.pk))
        # A parameter, because a fragment in the URL would prevent autofocus.
        moved = f"?moved={direction}-{key}" if direction in STEPS else ""
        return HttpResponseRedirect(lessons_url(configuration.pk) + moved)


def _next_position(rows: QuerySet[Any]) -> int:
    last = rows.aggregate(last=Max("position"))["last"]
    return 0 if last is None else last + 1


def _admin_url(name: str, *args: Any) -> str:
    try:
        return reverse(f"admin:ecommerce_{name}", args=args)
    except NoReverseMatch:
        return ""
