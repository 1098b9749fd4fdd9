"""The section on fidelity: two tables, two charts, and what differs from the paper."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from lossc.reporting.fidelity import PUBLISHED
from lossc.reporting.figures import Bin, Fidelity, Fit
from lossc.reporting.kept_anchors import NAME
from lossc.reporting.markup import Markup, number, percent, tag
from lossc.reporting.parts import figure, key, section, shapes_text, table
from lossc.reporting.style import series
from lossc.reporting.svg import Axis, Line, chart

PAPER = (
    "The paper (UniLoss, ECCV 2020, table 5) takes configurations of binaries met in training,"
    " flips a share of their bits, and compares the interpolated with the true metric there. It"
    " states neither the task, the number of samples, the units of its L2 distance nor which rank"
    " correlation it is."
)
OURS = (
    "Here scores are moved and not bits, so that surrogates of scores can be compared with those of"
    " binaries, and every configuration is one that scores can have. Scores are turned towards"
    " noise, which keeps their spread, until the share of their comparisons with another sign is"
    " the one in question. The difference is the root mean square over all samples, in the units of"
    " the metric; the correlation is Spearman's."
)
KEPT = (
    f"'{NAME}' is nearest to the paper: inverse distance weighting whose anchors stay where they"
    " were drawn while the scores move away. All other rows draw their anchors, or their noise,"
    " anew where they are evaluated, as a training step does."
)


def fidelity_section(found: Fidelity) -> Markup:
    """How near each surrogate is to the metric, and how well it ranks."""
    names = list(dict.fromkeys(name for one in found.bins for name in one.fits))
    how = (
        f"{found.states} batches ({shapes_text(found.shapes)};"
        f" {found.comparisons:.4g} comparisons) between random scores and scores that took"
        f" {found.steps} steps down the spec's own loss."
    )
    parts = [tag("p", text) for text in (PAPER, OURS, how)]
    if NAME in names:
        parts.append(tag("p", KEPT))
    return section(
        "Fidelity",
        *parts,
        _samples(found),
        _figures(found, names, "Root mean square difference from the metric", _rms, min),
        _figures(found, names, "Rank correlation with the metric", _rank, max),
        tag(
            "p",
            "A dash: the metric, or the surrogate, has one value in all samples.",
            class_="soft",
        ),
        tag(
            "div",
            _drawing(found, names, "difference", _rms),
            _drawing(found, names, "rank correlation", _rank),
            class_="grid-of",
        ),
        tag("p", key((series(k), name) for k, name in enumerate(names)), class_="soft"),
        _published(found),
    )


def fraction_name(fraction: float) -> str:
    """``1/512``."""
    return str(Fraction(fraction).limit_denominator(4096))


def _rms(fit: Fit) -> float:
    return fit.rms


def _rank(fit: Fit) -> float:
    return fit.rank


def _columns(found: Fidelity) -> list[str]:
    return [fraction_name(one.fraction) for one in found.bins]


def _samples(found: Fidelity) -> Markup:
    rows: list[tuple[str, Callable[[Bin], str]]] = [
        ("share that changed", lambda one: percent(one.reached)),
        ("samples", lambda one: str(one.samples)),
        ("mean of the metric", lambda one: number(one.metric)),
        ("its standard deviation", lambda one: number(one.spread)),
    ]
    return table(
        "Changed comparisons: asked for (columns), and what was reached",
        ["figure", *_columns(found)],
        [[name, *(read(one) for one in found.bins)] for name, read in rows],
        numbers=1,
    )


def _figures(
    found: Fidelity,
    names: list[str],
    caption: str,
    read: Callable[[Fit], float],
    choose: Callable[[list[float]], float],
) -> Markup:
    """One figure a surrogate and share; the best of each share stands out."""
    columns: list[list[str]] = []
    for one in found.bins:
        values = [read(one.fits[name]) if name in one.fits else float("nan") for name in names]
        shown = [number(value) for value in values]
        known = [value for value in values if value == value]
        best = number(choose(known)) if known else ""
        columns.append([tag("span", t, class_="best") if t == best else t for t in shown])
    rows = [[name, *(column[k] for column in columns)] for k, name in enumerate(names)]
    return table(caption, ["surrogate", *_columns(found)], rows, numbers=1)


def _drawing(found: Fidelity, names: list[str], what: str, read: Callable[[Fit], float]) -> Markup:
    places = [float(k) for k in range(len(found.bins))]
    lines = []
    for k, name in enumerate(names):
        ys = [read(b.fits[name]) if name in b.fits else float("nan") for b in found.bins]
        lines.append(Line(places, ys, series(k), points=True))
    y = Axis(what, logarithmic=what == "difference")
    drawn = chart(
        lines,
        Axis("share of changed comparisons", names=_columns(found)),
        y,
        f"Line chart: {what} of each surrogate against the share of changed comparisons;"
        " the figures are in the table above",
    )
    return figure(drawn, f"{what.capitalize()} by distance; the spec's own surrogate is solid.")


def _published(found: Fidelity) -> Markup:
    rows = [[name, *(f"{value:g}" for value in row)] for name, row in PUBLISHED.items()]
    return table("For comparison: UniLoss, table 5", ["figure", *_columns(found)], rows, numbers=1)
