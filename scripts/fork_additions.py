"""Steps of drill_fork.py that add what is larger than a page: an app, a URL configuration, middleware, admin pages.

Each step gets the `Fork`, whose `append` writes to the end of a file in apps/shop/.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

BLOG_MODELS = """from django.conf import settings
from django.db import models
from django.urls import reverse


class Post(models.Model):
    title = models.CharField(max_length=100)
    slug = models.SlugField(unique=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)

    def get_absolute_url(self):
        return reverse("blog:post", args=[self.slug])


class Comment(models.Model):
    post = models.ForeignKey(Post, on_delete=models.CASCADE)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    text = models.TextField()
"""
BLOG_VIEWS = """from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.contrib.syndication.views import Feed
from django.http import HttpResponseBadRequest, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST
from django.views.generic import CreateView, DetailView, ListView

from apps.core.page_cache import cache_public_page
from apps.shop.blog.models import Comment, Post


@method_decorator(cache_public_page(), name="dispatch")
class PostList(ListView):
    queryset = Post.objects.order_by("-pk")
    paginate_by = 10


class PostDetail(DetailView):
    model = Post


class PostCreate(PermissionRequiredMixin, CreateView):
    model = Post
    fields = ["title", "slug", "author"]
    permission_required = "blog.add_post"


class PostFeed(Feed):
    title = "News"
    link = "/blog/"

    def items(self):
        return Post.objects.order_by("-pk")[:10]


@staff_member_required
def editors(request):
    return render(request, "blog/post_list.html")


def search(request):
    if "q" not in request.GET:
        return HttpResponseBadRequest("q is missing")
    return JsonResponse({"found": Post.objects.filter(title__icontains=request.GET["q"]).count()})


async def count(request):
    return JsonResponse({"posts": await Post.objects.acount()})


def export(request):
    return StreamingHttpResponse((f"{post.title}\\n" for post in Post.objects.all()), content_type="text/csv")


@login_required
@require_POST
def comment(request, slug):
    post = get_object_or_404(Post, slug=slug)
    Comment.objects.create(post=post, user=request.user, text=request.POST.get("text", ""))
    return redirect(post)
"""
BLOG_URLS = """from django.urls import path, re_path

from apps.shop.blog import views

app_name = "blog"
urlpatterns = [
    path("", views.PostList.as_view(), name="list"),
    path("feed/", views.PostFeed(), name="feed"),
    path("new/", views.PostCreate.as_view(), name="new"),
    path("editors/", views.editors),
    path("search/", views.search, name="search"),
    path("count/", views.count, name="count"),
    re_path(r"^(?P<year>[0-9]{4})/export\\.csv$", lambda request, year: views.export(request), name="export"),
    path("<slug:slug>/", views.PostDetail.as_view(), name="post"),
    path("<slug:slug>/comments/", views.comment, name="comment"),
]
"""
BLOG_PAGE = """{% extends "base.html" %}
{% block title %}Blog{% endblock %}
{% block main %}<div class="container page"><h1>Blog</h1>
{% for post in post_list %}<p><a href="{{ post.get_absolute_url }}">{{ post.title }}</a></p>{% endfor %}
{% if form %}<form method="post">{% csrf_token %}{{ form.as_p }}<button>Save</button></form>{% endif %}
</div>{% endblock %}
"""
BLOG_RECEIVERS = """
from django.db.models.signals import post_save
from django.dispatch import receiver

from apps.core.page_cache import invalidate_on
from apps.ecommerce.purchases.signals import access_granted
from apps.shop.blog.models import Post
from apps.web.sitemap import SITEMAPS, SiteSitemap

invalidate_on(Post)


class PostSitemap(SiteSitemap):
    def items(self):
        return Post.objects.order_by("pk")


SITEMAPS["posts"] = PostSitemap


@receiver(access_granted)
def fail(purchase, **kwargs):
    raise RuntimeError("The warehouse is closed")
"""
BLOG_TEST = """import pytest

from apps.shop.blog.models import Post
from tests.account_actions import reauthenticate


@pytest.mark.django_db
def test_posts_are_listed_and_keep_their_author(as_ada, ada, client):
    Post.objects.create(title="Hello", slug="hello", author=ada)
    assert "Hello" in client.get("/blog/").content.decode()
    assert b"/blog/hello/" in client.get("/sitemap-posts.xml").content
    reauthenticate(as_ada)
    page = as_ada.post("/accounts/delete/", {"password": "ada-buys-things"}).content.decode()
    assert "posts" in page
    assert Post.objects.get().author == ada
"""
ROOT_URLS = """from django.conf.urls.i18n import i18n_patterns
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.generic import TemplateView

from config.urls import handler400, handler429, handler500  # noqa: F401
from config.urls import urlpatterns as urls_of_the_shop


def page(request, page):
    if page != "imprint":
        raise Http404
    return HttpResponse("Acme Ltd")


def handler404(request, exception):
    return render(request, "shop/lost.html", status=404)


urlpatterns = [
    *urls_of_the_shop,
    *i18n_patterns(path("guide/", TemplateView.as_view(template_name="shop/lost.html"), name="guide")),
    path("<slug:page>/", page, name="page"),
]
"""
ROBOTS = """
from django.http import HttpResponse
from django.urls import path

urlpatterns += [path("robots.txt", lambda request: HttpResponse("User-agent: *", content_type="text/plain"))]
"""
VISITS_MODEL = """
from django.db import models


class Visit(models.Model):
    path = models.CharField(max_length=500, unique=True)
    number = models.PositiveIntegerField(default=0)
"""
VISITS = """from django.db.models import F

from apps.core.read_only import is_read_only
from apps.shop.models import Visit


def count_visits(get_response):
    def middleware(request):
        response = get_response(request)
        if response.status_code == 200 and not is_read_only():
            visit, _created = Visit.objects.get_or_create(path=request.path[:500])
            Visit.objects.filter(pk=visit.pk).update(number=F("number") + 1)
        return response

    return middleware


def cart(request):
    return {"cart_size": request.session.get("cart", 0), "visits": Visit.objects.count()}
"""
SETTINGS = """
    settings["ROOT_URLCONF"] = "apps.shop.root_urls"
    settings["MIDDLEWARE"] += ["apps.shop.visits.count_visits"]
    settings["TEMPLATES"][0]["OPTIONS"]["context_processors"] += ["apps.shop.visits.cart"]
    settings["TASKS"] = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
    settings["SESSION_ENGINE"] = "django.contrib.sessions.backends.cached_db"
    settings["AUTHENTICATION_BACKENDS"] += ["django.contrib.auth.backends.ModelBackend"]
    settings["AUTH_PASSWORD_VALIDATORS"] += [
        {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator", "OPTIONS": {}}
    ]
    settings["AUTH_PASSWORD_VALIDATORS"][1]["OPTIONS"] = {"min_length": 40}
    settings["ACCOUNT_SIGNUP_FIELDS"] = ["email*", "password1*", "password2*"]
    settings["ACCOUNT_EMAIL_NOTIFICATIONS"] = False
    settings["LOGOUT_REDIRECT_URL"] = "store"
    settings["EMAIL_SUBJECT_PREFIX"] = "[Acme] "
    settings["MAX_BODY_BYTES"] = settings["DATA_UPLOAD_MAX_MEMORY_SIZE"] = 10_000_000
    settings["STATIC_URL"] = "/assets/"
    settings["APPEND_SLASH"] = False
    settings["USE_THOUSAND_SEPARATOR"] = True
    settings["FORMAT_MODULE_PATH"] = ["apps.shop.formats"]
    settings["CSRF_USE_SESSIONS"] = True
    settings["X_FRAME_OPTIONS"] = "SAMEORIGIN"
    settings["SECURE_REFERRER_POLICY"] = "strict-origin-when-cross-origin"
    settings["CONTENT_SECURITY_POLICY"]["DIRECTIVES"]["frame-src"] = ["https://www.youtube-nocookie.com"]
    settings["STORAGES"]["default"] = {"BACKEND": "apps.shop.storages.AcmeStorage"}
"""
STORAGE = """from django.core.files.storage import FileSystemStorage


class AcmeStorage(FileSystemStorage):
    pass
"""
ADMIN_MODELS = """
from django.db import models

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.users.models import User


class WholesaleOrder(Purchase):
    class Meta:
        proxy = True


class Wish(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    configuration = models.ForeignKey(ProductConfiguration, on_delete=models.CASCADE, related_name="wishes")
"""
ADMIN = """
from django.contrib import admin

from apps.ecommerce.admin.catalogue import ProductConfigurationAdmin
from apps.ecommerce.models import ProductConfiguration
from apps.shop.models import WholesaleOrder, Wish

admin.site.site_header = admin.site.site_title = "Acme"
admin.site.unregister(ProductConfiguration)


class WishInline(admin.TabularInline):
    model = Wish
    extra = 0


@admin.register(ProductConfiguration)
class AcmeProductAdmin(ProductConfigurationAdmin):
    list_display = (*ProductConfigurationAdmin.list_display, "wish_count")
    inlines = [*ProductConfigurationAdmin.inlines, WishInline]
    actions = ["hide"]

    def wish_count(self, row):
        return row.wishes.count()

    @admin.action(description="Hide")
    def hide(self, request, queryset):
        queryset.update(status="hidden")


@admin.register(WholesaleOrder)
class WholesaleOrderAdmin(admin.ModelAdmin):
    list_display = ["order_number", "email", "status"]

    def has_add_permission(self, request):
        return False
"""
COMMAND = """from apps.ecommerce.management.commands import reconcile_purchases


class Command(reconcile_purchases.Command):
    def handle(self, *args, **options):
        self.stdout.write("Acme reconciles")
        return super().handle(*args, **options)
"""


def blog(fork: Any) -> None:
    """Add an app with generic views, a feed, a sitemap and protected authors, and a receiver that fails."""
    files = {
        "models.py": BLOG_MODELS,
        "views.py": BLOG_VIEWS,
        "urls.py": BLOG_URLS,
        "tests/test_blog.py": BLOG_TEST,
        **{f"templates/blog/post_{name}.html": BLOG_PAGE for name in ("list", "detail", "form")},
        **dict.fromkeys(("__init__.py", "migrations/__init__.py", "tests/__init__.py"), ""),
    }
    for name, text in files.items():
        fork.write(f"blog/{name}", text)
    fork.append("receivers.py", BLOG_RECEIVERS)
    fork.append("settings.py", '\n    settings["INSTALLED_APPS"] += ["apps.shop.blog"]\n')
    fork.append("settings.py", '    settings["INDEXED_PAGES"] += ["blog:list", "blog:post"]\n')
    fork.append(
        "urls.py",
        '\nfrom django.urls import include, path\n\nurlpatterns += [path("blog/", include("apps.shop.blog.urls"))]\n',
    )
    fork.manage("makemigrations", "blog")


def settings(fork: Any) -> None:
    """Change Django's settings, the URL configuration, middleware that writes, and a context processor."""
    fork.append("models.py", VISITS_MODEL)
    fork.append("visits.py", VISITS)
    fork.append("storages.py", STORAGE)
    for name in ("formats/__init__.py", "formats/en/__init__.py"):
        fork.append(name, "")
    fork.append("formats/en/formats.py", 'DATE_FORMAT = "j M Y"\n')
    fork.append("root_urls.py", ROOT_URLS)
    fork.append("urls.py", ROBOTS)
    fork.append(
        "templates/shop/lost.html", '{% extends "base.html" %}{% block main %}<h1>Lost</h1>{% endblock %}\n'
    )
    fork.append("settings.py", SETTINGS)
    fork.manage("makemigrations", "shop")


def admin(fork: Any) -> None:
    """Replace the admin of products, add one of a proxy of orders, and replace a command."""
    fork.append("models.py", ADMIN_MODELS)
    fork.append("admin.py", ADMIN)
    for name in ("management/__init__.py", "management/commands/__init__.py"):
        fork.append(name, "")
    fork.append("management/commands/reconcile_purchases.py", COMMAND)
    fork.manage("makemigrations", "shop")


STEPS: dict[str, Callable[[Any], None]] = {step.__name__: step for step in (blog, settings, admin)}
