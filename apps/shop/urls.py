"""Your URLs. They come before those of the template, so a path here replaces the template's page.

`{% url %}` and `reverse` prefer the template's URL if both have the same name; see docs/guides/add-a-page.md.
"""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
