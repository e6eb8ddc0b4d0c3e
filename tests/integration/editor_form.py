"""Fill in the form of the product editor, as a browser without JavaScript sends it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from django.test import Client
from django.urls import reverse

from apps.ecommerce.models import ProductConfiguration

ADD = "/admin/ecommerce/productconfiguration/add/"


def change_url(row: ProductConfiguration) -> str:
    return reverse("admin:ecommerce_productconfiguration_change", args=[row.pk])


def read_form(client: Client, url: str) -> dict[str, Any]:
    response = client.get(url)
    assert response.status_code == 200, response.content
    return parse_form(response.content.decode())


def parse_form(page: str) -> dict[str, Any]:
    """Return the values of the editor's inputs by name. Templates of new rows are no part of the form."""
    parser = _FormParser()
    parser.feed(page)
    return parser.values


def save(client: Client, url: str, form: dict[str, Any], button: str = "_save") -> Any:
    return client.post(url, form | {button: "1"})


class _FormParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, Any] = {}
        self.is_in_form, self.templates = False, 0
        self.select = self.textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.is_in_form = given.get("id") == "product-editor"
        self.templates += tag == "template"
        if not self.is_in_form or self.templates:
            return
        name, kind = given.get("name", ""), given.get("type", "text")
        if tag == "select":
            self.select = name
        elif tag == "option" and ("selected" in given or self.select not in self.values):
            self.values[self.select] = given.get("value", "")
        elif tag == "textarea":
            self.textarea, self.values[name] = name, ""
        elif tag == "input" and name and (kind not in ("checkbox", "radio", "file") or "checked" in given):
            self.values[name] = given.get("value", "on" if kind == "checkbox" else "")

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self.values[self.textarea] += data.removeprefix("\n") if not self.values[self.textarea] else data

    def handle_endtag(self, tag: str) -> None:
        self.templates -= tag == "template"
        if tag == "textarea":
            self.textarea = ""
        if tag == "form":
            self.is_in_form = False
