"""What the sections of the page are built from: tables, figures, keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lossc.reporting.figures import Shapes
from lossc.reporting.markup import Markup, joined, tag


def table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 0
) -> Markup:
    """A table that scrolls inside its own box; the first cell of each row is its heading.

    Args:
        caption: What it shows.
        columns: Headings.
        rows: Cells: text, or markup.
        numbers: The column from which on there are numbers; 0 for none.
    """

    def style(place: int) -> str | None:
        return "n" if numbers and place >= numbers else None

    head = [tag("th", name, scope="col", class_=style(k)) for k, name in enumerate(columns)]
    body = []
    for first, *rest in rows:
        cells = [tag("td", cell, class_=style(k) or _long(cell)) for k, cell in enumerate(rest, 1)]
        body.append(tag("tr", tag("th", first, scope="row"), *cells))
    whole = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", *head)),
        tag("tbody", *body),
    )
    return tag("div", whole, class_="scroll", role="region", aria_label=caption, tabindex=0)


def _long(cell: str) -> str | None:
    """The class of a text that needs some width to be read."""
    return "long" if len(cell) > 40 and not isinstance(cell, Markup) else None


def figure(drawing: Markup, *caption: str) -> Markup:
    """A picture and what stands above it."""
    return tag("figure", tag("figcaption", *caption), drawing)


def key(entries: Iterable[tuple[str, str]]) -> Markup:
    """Which line is which: pairs of a class and a name."""
    found = []
    for style, name in entries:
        line = tag("line", class_=f"line {style}", x1=0, x2=32, y1=6, y2=6)
        drawn = tag("svg", line, viewBox="0 0 32 12", aria_hidden="true")
        found.append(tag("span", drawn, name, class_="key"))
    return joined(found)


def shapes_text(shapes: Shapes) -> str:
    """``scores [64, 10], label [64]``."""
    return ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())


def section(name: str, *parts: str) -> Markup:
    """A section with its heading."""
    anchor = name.lower().replace(" ", "-")
    return tag("section", tag("h2", name, id=anchor), *parts, aria_labelledby=anchor)
