"""The gradient of every bundled metric under every interpolation, on realistic scores.

Audits each as `lossc check` does, and writes two tables: which warnings come at which scale of the
scores, and the figures of the surrogates that the specs have by default.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

import lossc.specs
from lossc.compiler.audit import SCALES, Audit, audit, flagged, quick_audit, warnings
from lossc.compiler.audit_rows import Row
from lossc.compiler.compile import compile_spec
from lossc.compiler.version import VERSION
from lossc.grammar.error_codes import RULES
from lossc.grammar.errors import SpecError

OWN = "default"
AUTO = "sigmoid(temperature=auto)"
SURROGATES: dict[str, dict[str, str]] = {
    OWN: {},
    "default, auto": {"step": AUTO},
    "idw": {"interpolation": "idw"},
    "product": {"interpolation": "substitute(tnorm=product)"},
    "product, auto": {"step": AUTO, "interpolation": "substitute(tnorm=product)"},
    "godel": {"interpolation": "substitute(tnorm=godel)"},
    "lukasiewicz": {"interpolation": "substitute(tnorm=lukasiewicz)"},
    "multilinear": {"interpolation": "multilinear"},
    "bound": {"interpolation": "bound"},
    "perturbed": {"interpolation": "perturbed"},
}
START, END = "<!-- figures: written by the command -->", "<!-- end of the figures -->"


def measured(names: Sequence[str], quick: bool) -> Iterator[dict[str, Any]]:
    """One entry a spec and surrogate; a refusal has the code of its error."""
    for name in names:
        own = ""
        for column, options in SURROGATES.items():
            try:
                compiled = compile_spec(name, **options)
            except SpecError as error:
                yield {"spec": name, "column": column, "refused": error.diagnostics[0].code}
                continue
            if column == "idw" and str(compiled.surrogate) == own:
                continue  # the default is this one
            own = own or str(compiled.surrogate)
            started = time.perf_counter()
            whole = column == OWN and not quick  # others are what it would be advised to be
            found = quick_audit(compiled) if quick else audit(compiled, search=whole)
            print(f"{name:32} {column:12} {time.perf_counter() - started:6.1f} s", file=sys.stderr)
            yield {"spec": name, "column": column, **as_json(found)}
            if compiled.surrogate is None:
                break


def as_json(found: Audit) -> dict[str, Any]:
    """The figures of an audit, with warnings, by scale, and without the time."""
    places = {
        RULES[rule].code: sorted({row.scale for row in rows})
        for rule, rows in flagged(found.rows).items()
    }
    plain = replace(found, seconds=0.0).as_dict()
    said = [str(finding) for finding in warnings(found)]
    return {**plain, "flagged": places, "said": said, "rows": [asdict(row) for row in found.rows]}


# ------------------------------------------------------------------ tables


def overview(entries: Sequence[dict[str, Any]]) -> list[str]:
    """Which codes a metric gets under each surrogate, and at which scales."""
    metrics = {e["spec"]: {} for e in entries if e.get("surrogate") != "none"}
    for entry in entries:
        if entry["spec"] in metrics:
            metrics[entry["spec"]][entry["column"]] = entry
    columns = [c for c in SURROGATES if c != "idw" or any(c in found for found in metrics.values())]
    lines = [f"| metric | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    for spec, found in metrics.items():
        cells = [_codes(found[column]) if column in found else "" for column in columns]
        lines.append(f"| {spec} | {' | '.join(cells)} |")
    return lines


def _codes(entry: dict[str, Any]) -> str:
    if "refused" in entry:
        return "refused"
    shown = [
        f"{code[2:]} at {', '.join(f'{scale:g}' if scale else 'equal' for scale in scales)}"
        for code, scales in entry["flagged"].items()
    ]
    return "; ".join(shown) or "fine"


def figures(entries: Sequence[dict[str, Any]]) -> list[str]:
    """The figures of the default surrogates: at each scale, over all sizes."""
    lines = [
        "| spec | scale | zero | non-finite | dead | slope | improved | worsened | helped | gap |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for entry in entries:
        if entry["column"] != OWN or "rows" not in entry:
            continue
        for scale in SCALES:
            rows = [Row(**row) for row in entry["rows"] if row["scale"] == scale]
            rows = [row for row in rows if row.batches]
            if rows:
                lines.append(f"| {entry['spec']} | {_figures(rows, scale)} |")
    return lines


def _figures(rows: Sequence[Row], scale: float) -> str:
    def mean(name: str) -> float:
        known = [one for row in rows if not math.isnan(one := getattr(row, name) or 0.0)]
        return sum(known) / len(known) if known else math.nan

    def share(name: str) -> str:
        value = mean(name)
        return "" if math.isnan(value) else f"{value:.0%}"

    slopes = [row.slope for row in rows if not math.isnan(row.slope)]
    gap = mean("gap")
    cells = [
        f"{scale:g}" if scale else "equal",
        *(share(name) for name in ("zero", "nonfinite", "dead")),
        f"{min(slopes):.0e}" if slopes else "",
        *(share(name) for name in ("improved", "worsened", "helped")),
        "" if math.isnan(gap) else f"{gap:.3f}",
    ]
    return " | ".join(cells)


def report(entries: Sequence[dict[str, Any]], command: str) -> str:
    """What stands between the marks of the page."""
    made = f"{time.strftime('%Y-%m-%d')}, lossc {VERSION}, torch {torch.__version__}"
    python = f"Python {platform.python_version()}, one thread"
    advice = [
        f"- `{entry['spec']}`: {said}".replace("\n  hint: ", "; hint: ")
        for entry in entries
        if entry["column"] == OWN
        for said in entry.get("said", ())
    ]
    parts = [
        f"Measured {made}, {python}, with\n\n```sh\n{command}\n```",
        "## Warnings by metric and surrogate\n\n" + "\n".join(overview(entries)),
        "## What `lossc check` says of the defaults\n\n" + ("\n".join(advice) or "Nothing."),
        "## Figures of the defaults\n\n" + "\n".join(figures(entries)),
    ]
    return "\n\n".join(parts)


def write_page(page: Path, text: str) -> None:
    """Puts the figures between the marks of a page, or makes a page of them."""
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    if START in old and END in old:
        before, after = old.split(START)[0], old.split(END)[1]
    else:
        before, after = "# Gradient audit\n\n", "\n"
    page.write_text(f"{before}{START}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Measures, or reads, and prints the tables, JSON, or writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--specs", nargs="*", default=sorted(lossc.specs.names()))
    parser.add_argument("--quick", action="store_true", help="few and small batches")
    parser.add_argument("--json", action="store_true", help="print the figures")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="put the tables on a page")
    parser.add_argument("--figures", type=Path, metavar="FILE", help="read what --json printed")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.figures:
        entries = json.loads(options.figures.read_text(encoding="utf-8"))
    else:
        entries = list(measured(options.specs, options.quick))
    if options.json:
        print(json.dumps(entries, indent=1))
    command = "python benchmarks/gradient_audit.py --markdown docs/gradient_audit.md"
    text = report(entries, command + (" --quick" if options.quick else ""))
    if options.markdown:
        write_page(options.markdown, text)
    elif not options.json:
        print(text)


if __name__ == "__main__":
    main()
