"""Charts of bars, drawn by templates/ecommerce/admin/dashboard/_chart.html with the table of their values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .periods import Bucket

BAR_WIDTH, GAP, HEIGHT = 8, 2, 100


@dataclass(frozen=True, slots=True)
class Value:
    """The values of a bucket: `up` is drawn above the line, `down` below. `cells` are the columns of the table."""

    bucket: Bucket
    up: int
    down: int
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class Bar:
    x: int
    y: float
    height: float
    label: str
    is_loss: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    key: str  # part of the HTML id
    title: str
    description: str
    columns: Sequence[str]
    values: Sequence[Value]
    highest: str
    lowest: str
    bars: Sequence[Bar]
    width: int
    baseline: float
    height: int = HEIGHT

    @property
    def first_label(self) -> str:
        return self.values[0].bucket.label

    @property
    def last_label(self) -> str:
        return self.values[-1].bucket.label

    @property
    def is_empty(self) -> bool:
        return not self.bars


def draw(
    key: str,
    title: str,
    description: str,
    columns: Sequence[str],
    values: Sequence[Value],
    show: Callable[[int], str],
) -> Chart:
    """Return a chart in which all bars have the same scale. `show` formats the amounts at its edges."""
    top = max(0, *(value.up for value in values))
    bottom = max(0, *(value.down for value in values))
    scale = HEIGHT / (top + bottom) if top + bottom else 0.0
    baseline = round(top * scale, 2) if scale else float(HEIGHT)
    bars = []
    for n, value in enumerate(values):
        x, label = n * (BAR_WIDTH + GAP), f"{value.bucket.label}: {', '.join(value.cells)}"
        if value.up > 0:
            height = round(value.up * scale, 2)
            bars.append(Bar(x, round(baseline - height, 2), height, label))
        if value.down > 0:
            bars.append(Bar(x, baseline, round(value.down * scale, 2), label, is_loss=True))
    return Chart(
        key=key,
        title=title,
        description=description,
        columns=columns,
        values=values,
        highest=show(top) if top else "",
        lowest=show(-bottom) if bottom else "",
        bars=bars,
        width=len(values) * (BAR_WIDTH + GAP) - GAP,
        baseline=baseline,
    )
