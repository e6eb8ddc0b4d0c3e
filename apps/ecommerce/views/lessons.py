"""The lessons of a product: contents, player and progress for owners, and free previews for all visitors."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from apps.core.read_only import is_read_only
from apps.ecommerce.content.embeds import allow_videos, lesson_video
from apps.ecommerce.content.files import list_files
from apps.ecommerce.content.lesson_text import render_lesson_text
from apps.ecommerce.content.outline import needs_plan, owner_outline, public_outline
from apps.ecommerce.content.progress import record_opened, set_done
from apps.ecommerce.models import Lesson, ProductConfiguration
from apps.ecommerce.purchases.decorators import ProductRequest, product_required, refuse_plan
from apps.ecommerce.purchases.downloads import video_response
from apps.ecommerce.purchases.entitlements import owned, owned_plans
from apps.ecommerce.purchases.previews import can_open_samples


@require_safe
@never_cache
@product_required
def lessons(request: ProductRequest, product_slug: str) -> HttpResponse:
    configuration = request.product_config
    plans = owned_plans(request.user, configuration.product)
    outline = owner_outline(configuration, request.user, plans)
    if not outline.entries:
        return redirect("purchased_product", product_slug)
    context = {"configuration": configuration, "outline": outline}
    return render(request, "ecommerce/lessons.html", context)


@require_safe
@never_cache
@product_required
def lesson(request: ProductRequest, product_slug: str, lesson_id: int) -> HttpResponse:
    row = _get_lesson(request.product_config, lesson_id)
    if refusal := _refuse_without_plan(request, row):
        return refusal
    if request.method == "GET" and not is_read_only():
        record_opened(request.user, row)
    configuration = request.product_config
    plans = owned_plans(request.user, configuration.product)
    outline = owner_outline(configuration, request.user, plans, row)
    previous, following = outline.around(row)
    context: dict[str, object] = {
        "outline": outline,
        "entry": next(entry for entry in outline.entries if entry.lesson == row),
        "previous": previous,
        "next": following,
        "files": list_files(configuration, plans, row),
    }
    return _render_lesson(request, row, "ecommerce/lesson.html", "lesson_video", context)


@require_POST
@never_cache
@product_required(is_page=False)
def lesson_done(request: ProductRequest, product_slug: str, lesson_id: int) -> HttpResponse:
    """Mark the lesson as done and open the next one. With done=0, mark it as not done and stay."""
    row = _get_lesson(request.product_config, lesson_id)
    if refusal := _refuse_without_plan(request, row):
        return refusal
    is_done = request.POST.get("done") != "0"
    set_done(request.user, row, is_done=is_done)
    if not is_done:
        return redirect("lesson", product_slug, row.pk)
    plans = owned_plans(request.user, request.product_config.product)
    _previous, following = owner_outline(request.product_config, request.user, plans).around(row)
    return HttpResponseRedirect(following.url) if following else redirect("lessons", product_slug)


@require_safe
@never_cache
@product_required(is_page=False)
def owned_lesson_video(request: ProductRequest, product_slug: str, lesson_id: int) -> HttpResponseBase:
    row = _get_lesson(request.product_config, lesson_id)
    return _refuse_without_plan(request, row) or _send_video(request, row)


@require_safe
@never_cache
def lesson_preview(request: HttpRequest, slug: str, lesson_id: int) -> HttpResponse:
    row = _get_preview(request, slug, lesson_id)
    configuration = row.section.configuration
    if owned(request.user, configuration.product):
        return redirect("lesson", slug, row.pk)
    context: dict[str, object] = {"outline": public_outline(configuration, row)}
    return _render_lesson(request, row, "ecommerce/lesson_preview.html", "lesson_preview_video", context)


@require_safe
@never_cache
def lesson_preview_video(request: HttpRequest, slug: str, lesson_id: int) -> HttpResponseBase:
    return _send_video(request, _get_preview(request, slug, lesson_id))


def _get_lesson(configuration: ProductConfiguration, lesson_id: int) -> Lesson:
    rows = Lesson.objects.filter(section__configuration=configuration).select_related("section")
    row = get_object_or_404(rows, pk=lesson_id)
    row.section.configuration = configuration
    return row


def _get_preview(request: HttpRequest, slug: str, lesson_id: int) -> Lesson:
    """Return a free preview. It is public while the product is on sale; owners and staff can always open it."""
    configurations = ProductConfiguration.objects.select_related("product")
    configuration = get_object_or_404(configurations, slug=slug)
    row = _get_lesson(configuration, lesson_id)
    if not row.is_preview:
        raise Http404("This lesson is not a free preview.")
    if not can_open_samples(request, configuration):
        raise Http404("This product is not on sale.")
    return row


def _refuse_without_plan(request: ProductRequest, lesson: Lesson) -> HttpResponse | None:
    plans = owned_plans(request.user, request.product_config.product) if lesson.plan else ()
    if needs_plan(lesson, plans):
        return refuse_plan(request, request.product_config, [lesson.plan])
    return None


def _render_lesson(
    request: HttpRequest, lesson: Lesson, template: str, video_view: str, context: dict[str, object]
) -> HttpResponse:
    video = lesson_video(lesson)
    text = render_lesson_text(lesson.text, lesson.title)
    context |= {
        "configuration": lesson.section.configuration,
        "lesson": lesson,
        "video": video,
        "video_view": video_view,
        "text": text.html,
    }
    response = render(request, template, context)
    allow_videos(response, [*([video] if video else []), *text.videos], lesson.video_file)
    return response


def _send_video(request: HttpRequest, lesson: Lesson) -> HttpResponseBase:
    file = lesson.video_file
    if not file or not file.storage.exists(str(file.name)):
        raise Http404("This lesson has no video file.")
    return video_response(request, file)
