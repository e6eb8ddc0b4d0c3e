"""The access table has no rows of URLs that do not exist, and asks for none of packages."""

from types import ModuleType

from django.http import HttpResponse
from django.urls import URLResolver, include, path
from django.urls.resolvers import RegexPattern

from tests.integration.test_access import GET, POST, rows
from tests.integration.urls import site_urls


def test_each_access_row_belongs_to_a_url() -> None:
    found = {url.name for url in site_urls() if not url.is_admin} | {"admin"}
    assert not (rows(GET).keys() | rows(POST).keys()) - found


def test_urls_of_a_package_that_the_shop_includes_are_not_tested() -> None:
    package = ModuleType("wagtail.urls")
    package.urlpatterns = [path("page/", HttpResponse, name="package_page")]  # type: ignore[attr-defined]
    own = [path("mine/", HttpResponse, name="own_page")]
    included = [path("cms/", include(package)), path("own/", include(own))]
    resolver = URLResolver(RegexPattern(r"^"), included)
    assert [url.name for url in site_urls(resolver, is_shop=True)] == ["own_page"]
