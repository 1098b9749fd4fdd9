"""The other sections of the page: stages, surrogates, gradients, curves, cost, the spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from lossc.reporting.figures import Cost, Curves, Report, Surface
from lossc.reporting.gradients import SCALE, STEPS
from lossc.reporting.heat import heat_map
from lossc.reporting.markup import Markup, number, percent, tag
from lossc.reporting.parts import figure, key, section, shapes_text, table
from lossc.reporting.style import series
from lossc.reporting.svg import Axis, Line, chart

#: Columns of the stages that hold expressions.
CODE = frozenset({"name", "expression", "condition", "count"})
SIGNS = {
    "evaluate": "The metric is to be high, so the loss is minus what is shown here.",
    "minimize": "The metric is to be low, so the loss is what is shown here.",
    "loss": "This is the loss itself.",
}


def stages_section(report: Report) -> Markup:
    """Score, comparison, binary, metric, as ``lossc explain`` has them."""
    columns = ("stage", "name", "expression", "condition", "count", "ties", "where")
    listed = cast("Sequence[Mapping[str, str]]", report.stages["rows"])
    rows = [
        [row["stage"], *(tag("code", row[c]) if c in CODE else row[c] for c in columns[1:])]
        for row in listed
    ]
    said = {**report.summary}
    if report.stages["cost"]:
        said["cost"] = str(report.stages["cost"])
    facts = [tag("dt", name) + tag("dd", value) for name, value in said.items()]
    return section(
        "Stages",
        table("The stages that the compiler found", columns, rows),
        tag("dl", *(Markup(fact) for fact in facts)),
    )


def surrogates_section(report: Report) -> Markup:
    """What is compared on this page, and what the metric refuses."""
    rows = [
        [
            entry.name,
            tag("code", entry.text),
            "the spec's own" if entry.own else f"refused: {entry.refused}" if entry.refused else "",
        ]
        for entry in report.surrogates
    ]
    return section("Surrogates", table("What is compared", ("name", "options", "note"), rows))


def gradients_section(report: Report) -> Markup:
    """The gradient at small random scores."""
    rows = [
        [
            entry.surrogate,
            number(entry.norm),
            percent(entry.zero),
            percent(entry.nonfinite),
            percent(entry.improves),
            number(entry.gain),
        ]
        for entry in report.gradients
    ]
    what = "loss" if report.goal == "loss" else "hard metric"
    sizes = ", ".join(f"{size:g}" for size in STEPS)
    text = (
        f"At random scores with standard deviation {SCALE:g}, where a network begins"
        f" ({shapes_text(cast('dict[str, list[int]]', report.made['shapes']))};"
        f" {report.gradients[0].batches if report.gradients else 0} batches). A step against the"
        f" gradient has a root mean square of {sizes} over all scores, whatever the gradient's"
        f" norm; the best of these counts. The gain is the mean change of the {what}, positive"
        " where it gets better."
    )
    columns = ("surrogate", "norm", "zero entries", "not finite", f"{what} improves", "gain")
    return section("Gradient", tag("p", text), table("Gradients", columns, rows, numbers=1))


def curves_section(report: Report) -> Markup:
    """Every surrogate along one score, the own one over two."""
    if report.curves is None:
        return section("Curves", tag("p", "There is nothing to draw."))
    found = report.curves
    text = (
        f"One score moves, all others of a small batch ({shapes_text(found.shapes)}) stay."
        f" {SIGNS[report.goal]}"
    )
    drawn = [_curve(found, name, number_) for number_, name in enumerate(found.values)]
    parts = [tag("p", text)]
    if found.metric is not None:
        parts.append(
            tag("p", key([("hard plain", "hard metric"), ("s0", "surrogate")]), class_="soft")
        )
    parts.append(tag("div", *drawn, class_="grid-of"))
    if report.surface is not None:
        parts.append(_surface(report.surface))
    return section("Curves", *parts)


def _curve(found: Curves, name: str, place: int) -> Markup:
    values = found.values[name]
    lines = [Line(found.places, values, "s0")]
    beside = ""
    if found.metric is not None:
        lines.insert(0, Line(found.places, found.metric, "hard plain"))
        beside = " beside the hard metric"
    what = "value" if found.metric is None else "metric"
    drawn = chart(
        lines,
        Axis(found.score),
        Axis(what),
        f"Line chart: {name}{beside} as {found.score} goes from {number(found.places[0])} to"
        f" {number(found.places[-1])}; it goes from {number(values[0])} to {number(values[-1])}",
    )
    own = ", the spec's own" if place == 0 and found.metric is not None else ""
    return figure(drawn, name + own)


def _surface(found: Surface) -> Markup:
    maps = [(found.surrogate, found.value)]
    if found.metric is not None:
        maps.append(("hard metric", found.metric))
    drawn = []
    for name, rows in maps:
        described = f"Heat map: {name} over {found.scores[0]} and {found.scores[1]}"
        drawing = heat_map(rows, found.first, found.second, found.scores, described)
        drawn.append(figure(drawing, f"{name} over two scores; each picture has its own scale."))
    return tag("div", *drawn, class_="grid-of")


def cost_section(report: Report) -> Markup:
    """Milliseconds of a pass against the size of the batch."""
    text = (
        "Forward and backward, single precision, the shortest of a few passes on"
        f" {report.made['threads']} thread(s) of the machine that made this page. Only the leading"
        " dim grows."
    )
    sizes = sorted({point.n for cost in report.cost for point in cost.points})
    rows = []
    for cost in report.cost:
        by_size = {point.n: point.milliseconds for point in cost.points}
        rows.append([cost.surrogate, *(number(by_size.get(n)) for n in sizes), cost.ended])
    columns = ["surrogate", *(f"n = {n}" for n in sizes), "ended"]
    return section(
        "Cost",
        tag("p", text),
        table("Milliseconds by batch size", columns, rows, numbers=1),
        _cost_chart(report.cost),
        tag("p", key((series(k), c.surrogate) for k, c in enumerate(report.cost)), class_="soft"),
    )


def _cost_chart(costs: Sequence[Cost]) -> Markup:
    lines = [
        Line([p.n for p in c.points], [p.milliseconds for p in c.points], series(k), points=True)
        for k, c in enumerate(costs)
    ]
    drawn = chart(
        lines,
        Axis("n", logarithmic=True),
        Axis("milliseconds", logarithmic=True),
        "Line chart: milliseconds against batch size, both logarithmic; the figures are in the"
        " table above",
    )
    return figure(drawn, "Both axes are logarithmic.")


def spec_section(report: Report) -> Markup:
    """The spec, and how the page was made."""
    facts = ("lossc", "torch", "seed", "quick", "n")
    rows = [[name, str(report.made[name])] for name in facts]
    return section(
        "The spec",
        tag("details", tag("summary", "its text"), tag("pre", tag("code", report.text))),
        table("How this page was made", ("what", "value"), rows),
    )
