"""{% tr "Text with {name}" name=value %}: a text of the payment page in the language of the page."""

from typing import Any

from django import template

from ..hosted import texts

register = template.Library()


@register.simple_tag(takes_context=True)
def tr(context: template.Context, text: str, **values: Any) -> str:
    return texts.translate(text, str(context.get("language", "en")), **values)
