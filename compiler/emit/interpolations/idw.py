"""Inverse distance weighting between sampled configurations (UniLoss, eq. 10)."""

from __future__ import annotations

from lossc.compiler.emit.interpolations.common import Forward, Parts
from lossc.compiler.emit.text import definition, indented, quoted, spaced
from lossc.compiler.refactor.lines import line_side, lines_of_families


def forward(parts: Parts) -> Forward:
    """Anchors are drawn around the current, the best and random configurations."""
    plan, surrogate, names = parts.plan, parts.surrogate, parts.signature.arguments
    ideal = f"self.best({names}, families)" if plan.uses_truth else "None"
    best = ["best=best"] if surrogate.samples_best or plan.uses_truth else []
    if plan.uses_truth and not surrogate.samples_best:
        best = [f"best={ideal}"]
    drawn = []
    if surrogate.samples_best:
        free = f"self.tied({names})" if plan.uses_truth else "None"
        drawn = [f"ideal, free = {ideal}, {free}"]
        drawn += ["best = draw_best(families, metric, ideal, free, self.seed, step)"]
    step = surrogate.relaxation.function
    function = "interpolate_shares" if surrogate.flips == "share" else "interpolate_idw"
    drawing = [*best, *_lines(parts), *_weighing(parts)]
    call = parts.call(function, "families", "metric", step, "self.seed", "step", *drawing)
    written = [parts.families, *parts.limiting(), *parts.warming, *parts.metric, *drawn, *call]
    if not _sortable(parts):
        return Forward([*parts.step, *written], random=True)
    inputs = list(parts.signature.inputs.values())
    of_pairs = definition("value = self.of_pairs", ["pairs", "step", *inputs], "", 0)
    of_families = definition("value = self.of_families", ["step", *inputs], "", 0)
    body = [
        *parts.step,
        f"pairs = self.pairs({names})",
        'if self.bits != "drawn" and many_pairs(pairs):',
        *indented(of_pairs, 4),
        "else:",
        *indented(of_families, 4),
    ]
    methods = [_of_pairs(parts), _of_families(parts, written), parts.methods.pairs()]
    return Forward(body, methods, random=True)


def _sortable(parts: Parts) -> bool:
    """Whether all comparisons are pairs that are best won, of a step that sums up."""
    sampled, step = parts.surrogate.samples_best, parts.surrogate.relaxation
    return parts.plan.best_pairs and bool(step.powers) and not sampled


def _weighing(parts: Parts) -> list[str]:
    """What says that the best configuration is no anchor."""
    return ["weigh=weights_without_best"] if parts.surrogate.without_best else []


def _lines(parts: Parts) -> list[str]:
    """What says which rows or columns anchors flip, of all comparisons written out."""
    lines = lines_of_families(parts.plan.families, parts.surrogate.flips)
    return ["pick=pick_lines", f"lines={lines}"] if lines else []


def _pair_lines(parts: Parts) -> list[str]:
    """The same for pairs by their items: whose items number the lines."""
    flips = parts.surrogate.flips
    if flips not in ("row", "column"):
        return []
    sides = "".join(f"{quoted(line_side(row, flips))}, " for row in parts.plan.families)
    sides = sides if len(parts.plan.families) == 1 else sides.removesuffix(", ")
    return [
        "pick=pick_pair_lines",
        "spread=pairs_of_lines",
        f"sides=({sides.removesuffix(' ')})",
    ]


def _of_pairs(parts: Parts) -> list[str]:
    step, names = parts.surrogate.relaxation, parts.signature.arguments
    flips = parts.surrogate.flips
    options = f"{step.function}, {step.powers}, {parts.temperature}, self.squash"
    kept = [name for name in parts.surrogate.method.run_time if name != "bits"]
    body = [
        *parts.limiting("pairs"),
        *parts.warming,
        "",
        "def metric(rows: Tensor) -> Tensor:",
        f"    return self.metric_of_rows(rows, pairs, {names})",
        "",
        f"relaxed = RelaxedPairs({options})",
        f"return {'interpolate_pair_shares' if flips == 'share' else 'interpolate_pairs'}(",
        "    pairs,",
        "    metric,",
        "    relaxed,",
        "    self.seed,",
        "    step,",
        *(f"    {argument}," for argument in (*_pair_lines(parts), *_weighing(parts))),
        *(f"    {name}=self.{name}," for name in kept),
        ")",
    ]
    kinds = ", ".join(["PairFamily"] * len(parts.plan.families))
    arguments = [f"pairs: tuple[{kinds}]", "step: Tensor", *parts.signature.plain()]
    doc = "The interpolated metric by sorting the scores: of many pairs."
    return parts.methods.method("of_pairs", arguments, "Tensor", doc, body)


def _of_families(parts: Parts, written: list[str]) -> list[str]:
    body = [line.replace("value = interpolate_", "return interpolate_") for line in written]
    body = spaced(body)
    arguments = ["step: Tensor", *parts.signature.plain()]
    doc = "The interpolated metric with all comparisons written out: of few."
    return parts.methods.method("of_families", arguments, "Tensor", doc, body)
