"""The page of a report: one HTML file that needs nothing else."""

from __future__ import annotations

from lossc.reporting.fidelity_section import fidelity_section
from lossc.reporting.figures import Report
from lossc.reporting.markup import Markup, joined, tag
from lossc.reporting.sections import (
    cost_section,
    curves_section,
    gradients_section,
    spec_section,
    stages_section,
    surrogates_section,
)
from lossc.reporting.style import stylesheet

#: Nothing is loaded and nothing runs, whatever a spec says.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
GOALS = {
    "evaluate": "The surrogate of a metric that is to be high.",
    "minimize": "The surrogate of a metric that is to be low.",
    "loss": "A differentiable loss: it needs no surrogate.",
}


def page(report: Report) -> str:
    """The HTML of a report."""
    title = f"lossc report: {report.spec}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("title", title),
        tag("style", Markup(stylesheet())),
    )
    body = tag(
        "body",
        tag("header", *_introduction(report)),
        tag(
            "main",
            stages_section(report),
            *(
                [surrogates_section(report), fidelity_section(report.fidelity)]
                if report.fidelity
                else []
            ),
            gradients_section(report),
            curves_section(report),
            cost_section(report),
            spec_section(report),
        ),
    )
    whole = joined([Markup("<!doctype html>\n"), tag("html", head, body, lang="en"), Markup("\n")])
    # a lone surrogate, which a spec can escape into its doc, has no place in UTF-8
    return whole.encode("utf-8", "replace").decode()


def _introduction(report: Report) -> list[Markup]:
    parts = [tag("h1", report.spec), tag("p", GOALS[report.goal])]
    if report.doc:
        parts.append(tag("p", report.doc))
    if report.source:
        parts.append(tag("p", f"Source: {report.source}", class_="soft"))
    parts += [tag("p", f"Note: {note}.") for note in report.notes]
    return parts
