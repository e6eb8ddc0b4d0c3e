from collections.abc import Iterable
from itertools import zip_longest
from typing import Any

from django import template
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

register = template.Library()


@register.filter
def labelled_cells(cells: Iterable[str], headers: Iterable[dict[str, Any]]) -> list[SafeString]:
    """Add the name of its column to each cell of an admin list. On a phone, each cell is a line with this name."""
    return [_label(cell, header) for cell, header in zip_longest(cells, headers) if cell is not None]


def _label(cell: str, header: dict[str, Any] | None) -> SafeString:
    cell = conditional_escape(cell)
    if header is None or 'class="action-checkbox' in cell[:30]:
        return cell
    label = capfirst(header["text"])
    tag, rest = cell[:3], cell[3:]  # "<td" or "<th"
    # Input of an editable list.
    rest = rest.replace(' id="id_', format_html(' aria-label="{}" id="id_', label))
    return SafeString(tag + format_html(' data-label="{}"', label) + rest)
