"""Fill in the form of the product editor, as a browser without JavaScript sends it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from django.test import Client
from django.urls import reverse

from apps.ecommerce.models import ProductConfiguration

ADD = "/admin/ecommerce/productconfiguration/add/"
EMPTY_ROWS: dict[str, dict[str, str]] = {
    "prices": {"id": "", "kind": "one_time", "interval": "month", "interval_count": "1"},
    "pictures": {"saved": "", "alt": ""},
    "faq": {},
}


def change_url(row: ProductConfiguration) -> str:
    return reverse("admin:ecommerce_productconfiguration_change", args=[row.pk])


def read_form(client: Client, url: str) -> dict[str, Any]:
    response = client.get(url)
    assert response.status_code == 200, response.content
    return form_of(response)


def form_of(response: Any) -> dict[str, Any]:
    """Return the values of the editor's inputs by name. Templates of new rows are not part of the form."""
    parser = _FormParser()
    parser.feed(response.content.decode())
    return parser.values


def add_to_form(
    form: dict[str, Any], prefix: str, rows: list[dict[str, str]], start: int = 0
) -> dict[str, Any]:
    """Return the form with these rows, the first one in the row `start`, as if "Add" had been pressed."""
    filled = dict(form)
    for number, row in enumerate(rows, start=start):
        values = EMPTY_ROWS[prefix] | row
        filled |= {f"{prefix}-{number}-{name}": value for name, value in values.items()}
    count = max(int(form[f"{prefix}-TOTAL_FORMS"]), start + len(rows))
    return filled | {f"{prefix}-TOTAL_FORMS": str(count)}


def save(client: Client, url: str, form: dict[str, Any], button: str = "_save") -> Any:
    return client.post(url, form | {button: "1"})


def new_product(
    client: Client, name: str, amount: str, button: str = "_publish", **more: Any
) -> ProductConfiguration:
    form = read_form(client, ADD) | {"name": name, "prices-0-amount": amount, **more}
    response = save(client, ADD, form, button)
    assert response.status_code == 302, response.content.decode()
    row = ProductConfiguration.objects.latest("pk")
    assert response["Location"] == change_url(row)
    return row


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
            is_first = not self.values[self.textarea]
            self.values[self.textarea] += data.removeprefix("\r\n").removeprefix("\n") if is_first else data

    def handle_endtag(self, tag: str) -> None:
        self.templates -= tag == "template"
        if tag == "textarea":
            self.textarea = ""
        if tag == "form":
            self.is_in_form = False
