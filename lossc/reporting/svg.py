"""Line charts as inline SVG: a few lines, axes with round ticks, names for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

from lossc.reporting.markup import Markup, joined, number, tag

WIDTH, HEIGHT = 340, 210
LEFT, RIGHT, TOP, BOTTOM = 50, 12, 10, 40
_TICKS = 6


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Args:
        xs: From left to right.
        ys: A gap where one is not finite.
        style: Classes of the page's style: its colour.
        points: Whether each point gets a dot.
    """

    xs: Sequence[float]
    ys: Sequence[float]
    style: str
    points: bool = False


@dataclass(frozen=True)
class Axis:
    """One direction of a chart.

    Args:
        label: What is shown along it.
        logarithmic: Whether equal distances are equal ratios.
        names: Words for 0, 1, 2, ... instead of numbers.
    """

    label: str
    logarithmic: bool = False
    names: Sequence[str] = ()

    def ends(self, values: Sequence[float]) -> tuple[float, float]:
        """Where the axis begins and ends, a little beyond the values."""
        kept = [self.at(v) for v in values if isfinite(v) and (v > 0 or not self.logarithmic)]
        low, high = (min(kept), max(kept)) if kept else (0.0, 1.0)
        if self.names:
            return -0.2, len(self.names) - 0.8
        margin = 0.04 * (high - low) or 0.5
        return low - margin, high + margin

    def at(self, value: float) -> float:
        return log10(value) if self.logarithmic else value

    def ticks(self, low: float, high: float) -> list[tuple[float, str]]:
        """Places along the axis, and what stands there."""
        if self.names:
            return [(float(place), name) for place, name in enumerate(self.names)]
        if self.logarithmic:
            return [(log10(value), number(value)) for value in _logarithmic_ticks(low, high)]
        return [(place, number(place)) for place in round_ticks(low, high)]


def round_ticks(low: float, high: float, most: int = _TICKS) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between two numbers.

    >>> round_ticks(0.03, 0.97)
    [0.2, 0.4, 0.6, 0.8]
    """
    rough = (high - low) / most
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= 0.999 * rough)
    digits = max(0, 1 - floor(log10(step)))
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [round(k * step, digits) + 0.0 for k in range(first, last + 1)]


def _logarithmic_ticks(low: float, high: float) -> list[float]:
    """Powers of ten; where there are fewer than two, their multiples by 2 and 5, too."""
    for factors in ((1,), (1, 2, 5), tuple(range(1, 10))):
        powers = range(floor(low), ceil(high) + 1)
        values = [factor * 10.0**power for power in powers for factor in factors]
        found = [value for value in values if low <= log10(value) <= high]
        if len(found) >= 2:
            return found
    return [10.0**low, 10.0**high]


def chart(lines: Sequence[Line], x: Axis, y: Axis, described: str) -> Markup:
    """A chart; ``described`` is read out instead of it."""
    left, right = x.ends([value for line in lines for value in line.xs])
    bottom, top = y.ends([value for line in lines for value in line.ys])

    def across(value: float) -> float:
        return LEFT + (value - left) / (right - left) * (WIDTH - LEFT - RIGHT)

    def up(value: float) -> float:
        return HEIGHT - BOTTOM - (value - bottom) / (top - bottom) * (HEIGHT - TOP - BOTTOM)

    parts: list[str] = []
    floor_, end = float(HEIGHT - BOTTOM), float(WIDTH - RIGHT)
    for place, name in x.ticks(left, right):
        at = across(place)
        parts.append(tag("line", class_="grid", x1=at, x2=at, y1=TOP, y2=floor_))
        parts.append(tag("text", name, x=at, y=floor_ + 14, text_anchor="middle"))
    for place, name in y.ticks(bottom, top):
        at = up(place)
        parts.append(tag("line", class_="grid", x1=LEFT, x2=end, y1=at, y2=at))
        parts.append(tag("text", name, x=LEFT - 5, y=at + 3.5, text_anchor="end"))
    parts.append(tag("line", class_="axis", x1=LEFT, x2=end, y1=floor_, y2=floor_))
    parts.append(tag("line", class_="axis", x1=LEFT, x2=LEFT, y1=TOP, y2=floor_))
    middle, height = (LEFT + end) / 2, (TOP + floor_) / 2
    parts.append(tag("text", x.label, x=middle, y=HEIGHT - 8, text_anchor="middle"))
    turned = f"rotate(-90 12 {height:g})"
    parts.append(tag("text", y.label, x=12, y=height, text_anchor="middle", transform=turned))
    for line in lines:
        for run in _runs(line, x, y):
            places = [(across(x.at(a)), up(y.at(b))) for a, b in run]
            path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
            parts.append(tag("polyline", class_=f"line {line.style}", points=path))
            if line.points or len(run) == 1:
                dot = f"dot {line.style}"
                parts += [tag("circle", class_=dot, cx=a, cy=b, r=2.5) for a, b in places]
    return picture(parts, WIDTH, HEIGHT, described)


def picture(parts: Sequence[str], width: int, height: int, described: str) -> Markup:
    """An SVG element as wide as the page lets it be."""
    return tag(
        "svg",
        joined(parts),
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label=described,
    )


def _runs(line: Line, x: Axis, y: Axis) -> list[list[tuple[float, float]]]:
    """The line without the points that cannot be drawn, in pieces."""
    runs: list[list[tuple[float, float]]] = [[]]
    for a, b in zip(line.xs, line.ys, strict=True):
        drawn = isfinite(b) and (a > 0 or not x.logarithmic) and (b > 0 or not y.logarithmic)
        if drawn:
            runs[-1].append((a, b))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]
