"""HTML and SVG elements from Python: whatever is no markup yet is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

VOID = frozenset({"meta", "br"})


class Markup(str):
    """Text that is markup already; only :func:`tag` and :func:`joined` make it."""


def tag(name: str, *children: str, **attributes: object) -> Markup:
    """An element; a trailing underscore of an attribute is dropped, others become hyphens.

    >>> tag("b", "1 < 2", class_="x", aria_label='"')
    '<b class="x" aria-label="&quot;">1 &lt; 2</b>'
    """
    names = {key: key.rstrip("_").replace("_", "-") for key in attributes}
    written = "".join(
        f' {names[key]}="{escape(_shown(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{joined(children)}</{name}>")


def joined(parts: Iterable[str]) -> Markup:
    """Parts one after the other, those that are no markup escaped."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))


def number(value: float | None) -> str:
    """A few digits; a dash where there is no number.

    >>> number(0.12345), number(1234.5), number(1234567.0), number(float("nan"))
    ('0.123', '1234', '1.23e+06', '–')
    """
    if value is None or value != value:
        return "–"
    text = f"{value:.0f}" if 1e3 <= abs(value) < 1e6 else f"{value:.3g}"
    return text.replace("-", "−")


def percent(value: float) -> str:
    """A share.

    >>> percent(0.125), percent(1.0)
    ('12.5%', '100%')
    """
    return "–" if value != value else f"{100 * value:.3g}%"


def _shown(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
