"""CSV that spreadsheet programs read as text, numbers and times, and never as formulas."""

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from io import StringIO

from django.utils import timezone

Cell = str | int | Decimal | datetime | None

BYTE_ORDER_MARK = "\ufeff"  # without it, Excel does not read UTF-8
ROWS_PER_CHUNK = 200
# https://owasp.org/www-community/attacks/CSV_Injection
FORMULA_STARTS = tuple("=+-@＝＋－＠")


def csv_chunks(headers: list[str], rows: Iterable[list[Cell]]) -> Iterator[str]:
    """Yield the file in chunks of some rows. The first chunk has the headers, and rows if there are any."""
    buffer = StringIO()
    writer = csv.writer(buffer)
    buffer.write(BYTE_ORDER_MARK)
    writer.writerow(headers)
    for number, row in enumerate(rows, start=1):
        writer.writerow(map(format_cell, row))
        if number % ROWS_PER_CHUNK == 0:
            yield _take(buffer)
    yield _take(buffer)


def format_cell(cell: Cell) -> str:
    """Format times as ISO 8601 in the shop's time zone, and numbers with a dot. Only texts can be formulas."""
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case datetime():
            return timezone.localtime(cell, timezone.get_default_timezone()).isoformat(timespec="seconds")
        case Decimal():
            return f"{cell:f}"
        case int():
            return str(cell)
    return f"'{cell}" if _may_be_formula(cell) else cell


def _may_be_formula(text: str) -> bool:
    return text.startswith(("\t", "\r", "\n")) or text.lstrip().startswith(FORMULA_STARTS)


def _take(buffer: StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
