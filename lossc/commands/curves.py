"""``lossc curves``: a loss and its gradient, or a surrogate, against one score."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lossc.commands.files import check_writable, write_atomically
from lossc.commands.guard import complain, fail
from lossc.commands.options import (
    Choices,
    Interpolation,
    Json,
    Param,
    Seed,
    Specs,
    Squash,
    Step,
    Value,
    parse_params,
)
from lossc.commands.output import print_json, print_table

if TYPE_CHECKING:
    from lossc.compiler.compile import CompiledLoss
    from lossc.models.curve_figure import Panel
    from lossc.reporting.class_curves import ClassCurve, Side
    from lossc.reporting.figures import Curves

# Points of a table, and of a file.
FEW, MANY = 19, 99
_GIVEN = re.compile(r"(?P<spec>[^\n]+?):(?P<params>\s*[A-Za-z_]\w*\s*=[^\n]*)")


class Of(StrEnum):
    """The class that moves."""

    background = "background"
    target = "target"


class By(StrEnum):
    """What the gradient of a picture, or of a table, is taken by."""

    logit = "logit"
    q = "q"


References = Annotated[
    list[str],
    typer.Argument(
        metavar="SPEC...",
        help="Bundled names or paths of spec files, with params of their own if need be: "
        "'anchor_bce:gamma=2,slack=0'.",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="A .csv, .svg or .png file. [a table is printed]"
    ),
]
Held = Annotated[
    list[float] | None,
    typer.Option(
        metavar="Q", help="Probability of the other class; may be repeated. [0.2, 0.5 and 0.8]"
    ),
]
Moving = Annotated[Of, typer.Option("--of", help="The class whose probability moves.")]
GradientBy = Annotated[By, typer.Option("--by", help="Show the gradient by the logit, or by q.")]
Points = Annotated[
    int | None,
    typer.Option(min=2, metavar="N", help=f"Places along the curve. [{FEW}, in a file {MANY}]"),
]


@dataclass(frozen=True)
class Found:
    """The data of a picture: a header and rows, what programs get, and how it is drawn."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    table: tuple[Sequence[str], Sequence[Sequence[object]]]
    plain: object
    panels: Sequence[tuple[str, str, Sequence[tuple[str, list[float], list[float], int, int]]]]


def curves(
    specs: References,
    output: Output = None,
    held: Held = None,
    of: Moving = Of.background,
    by: GradientBy = By.logit,
    points: Points = None,
    param: Param = None,
    step: Step = None,
    interpolation: Interpolation = None,
    squash: Squash = None,
    seed: Seed = 0,
    folders: Specs = None,
    as_json: Json = False,
) -> None:
    """Show losses and their gradients against one probability, or a surrogate against a score."""
    if output is not None:
        check_writable(output, (".csv", ".svg", ".png"), "--output")
    for q in held or ():
        if not 0 <= q <= 1:
            raise typer.BadParameter(f"{q:g} is no probability", param_hint="--held")
    shared = Choices.given(param, step, interpolation, squash, seed, folders)
    compiled = _compiled(specs, shared)
    count = points or (FEW if output is None and not as_json else MANY)
    from lossc.reporting.class_curves import class_curves, layout

    alone = [one for _, one, _ in compiled if layout(one) is None]
    if not alone:
        places = [k / (count + 1) for k in range(1, count + 1)]
        side: Side = of.value
        others = held or [0.2, 0.5, 0.8]
        drawn = [class_curves(name, one, side, others, places) for name, one, _ in compiled]
        found = _of_classes(drawn, by)
    elif len(specs) > 1:
        name = alone[0].spec.name.id
        fail(f"'{name}' is no loss of classes with one example; such a spec is shown alone")
    else:
        found = _of_scores(specs[0], compiled[0][2], count)
    _write(found, output, as_json)


def _compiled(
    references: Sequence[str], shared: Choices
) -> list[tuple[str, CompiledLoss, Choices]]:
    """Every spec with its params; a shared param is for those that have it."""
    parted = [_parted(reference) for reference in references]
    plain = [_with(shared, {}).compile(spec) for spec, _ in parted]
    names = [{each.name.id for each in one.spec.params} for one in plain]
    found = []
    for k, (spec, own) in enumerate(parted):
        params: dict[str, Value] = {
            name: value
            for name, value in shared.params.items()
            if name in names[k] or (k == 0 and not any(name in each for each in names))
        }
        params.update(own)
        choices = _with(shared, params)
        one = choices.compile(spec) if params else plain[k]
        said = ", ".join(f"{name}={value}" for name, value in params.items())
        found.append((f"{one.spec.name.id} {said}".strip(), one.unscheduled, choices))
    return found


def _parted(reference: str) -> tuple[str, dict[str, Value]]:
    """``"focal:gamma=2"`` as ``("focal", {"gamma": 2})``.

    >>> _parted("anchor_bce:gamma=2,slack=0")
    ('anchor_bce', {'gamma': 2, 'slack': 0})
    >>> _parted("specs/focal.lossc")
    ('specs/focal.lossc', {})
    """
    given = _GIVEN.fullmatch(reference)
    if given is None:
        return reference, {}
    return given["spec"], parse_params(given["params"].split(","))


def _with(shared: Choices, params: dict[str, Value]) -> Choices:
    return replace(shared, params=params)


def _of_classes(drawn: Sequence[Sequence[ClassCurve]], by: By) -> Found:
    every = [(k, j, curve) for k, group in enumerate(drawn) for j, curve in enumerate(group)]
    first = every[0][2]

    def slope(curve: ClassCurve) -> list[float]:
        return list(curve.d_logit if by is By.logit else curve.d_q)

    rows = [
        (curve.name, curve.side, curve.held, *numbers)
        for _, _, curve in every
        for numbers in zip(curve.q, curve.loss, curve.term, curve.d_logit, curve.d_q, strict=True)
    ]
    columns = ("spec", "side", "held", "q", "loss", "term", "d_logit", "d_q")
    head = ["q"]
    for _, _, curve in every:
        head += [f"{curve.label}: term", f"by {by.value}"]
    lines = [
        [f"{q:.4g}"] + [f"{n:.5g}" for _, _, c in every for n in (c.term[at], slope(c)[at])]
        for at, q in enumerate(first.q)
    ]
    x = f"probability q of the {'target' if first.side == 'target' else 'background class'}"
    panels = [
        (x, "loss of the class", [(c.label, list(c.q), list(c.term), k, j) for k, j, c in every]),
        (
            x,
            f"gradient by {'its logit' if by is By.logit else 'q'}",
            [(c.label, list(c.q), slope(c), k, j) for k, j, c in every],
        ),
    ]
    plain = {"curves": [asdict(curve) for _, _, curve in every]}
    return Found(columns, rows, (head, lines), plain, panels)


def _of_scores(reference: str, choices: Choices, points: int) -> Found:
    from rich.console import Console

    from lossc.reporting.contenders import contenders
    from lossc.reporting.curves import curves as along_a_score

    spec, _ = _parted(reference)

    def compile_with(interpolation: str | None, transform: str | None) -> CompiledLoss:
        return choices.contender(spec, interpolation, transform)

    with Console(stderr=True).status("compiling"):
        compared, _ = contenders(compile_with)
        found, _ = along_a_score(compared, points=points, grid=2, seed=choices.seed)
    if found is None:
        fail("no single score of the small batches that were tried changes anything")
    return _of_curves(found)


def _of_curves(found: Curves) -> Found:
    named: dict[str, Sequence[float]] = dict(found.values)
    if found.metric is not None:
        named = {"metric": found.metric, **named}
    columns = (found.score, *named)
    rows = list(zip(found.places, *named.values(), strict=True))
    shown = [[f"{number:.5g}" for number in row] for row in rows]
    lines = [
        (name, list(found.places), list(values), k, 0)
        for k, (name, values) in enumerate(named.items())
    ]
    what = "loss" if found.metric is None else "metric"
    return Found(columns, rows, (columns, shown), asdict(found), [(found.score, what, lines)])


def _write(found: Found, output: Path | None, as_json: bool) -> None:
    if as_json:
        print_json(found.plain)
    elif output is None:
        print_table(*found.table)
    if output is None:
        return
    try:
        kind = output.suffix.lower().removeprefix(".")
        if kind in ("svg", "png"):
            write_atomically(output, _picture(found, kind))
        else:
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(found.columns)
            writer.writerows(found.rows)
            write_atomically(output, text.getvalue())
    except OSError as error:
        fail(f"cannot write '{output}': {error.strerror or error}")
    complain(f"wrote {output}")


def _picture(found: Found, kind: str) -> bytes:
    try:
        from lossc.models.curve_figure import Line, Panel, draw
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        fail("pictures need 'matplotlib', which is not installed: pip install 'lossc[train]'")
    panels: list[Panel] = [
        Panel(x, y, [Line(*line) for line in lines]) for x, y, lines in found.panels
    ]
    return draw(panels, kind)
