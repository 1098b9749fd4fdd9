"""``lossc check``: diagnostics, translation validation and the gradient audit."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lossc.commands.guard import complain, is_the_users
from lossc.commands.options import (
    Choices,
    Gather,
    Interpolation,
    Json,
    Memory,
    Param,
    Schedules,
    Seed,
    Specs,
    Squash,
    Step,
    Transform,
)
from lossc.commands.output import print_json, print_table

if TYPE_CHECKING:
    from lossc.compiler.audit_rows import Row
    from lossc.compiler.compile import CompiledLoss

References = Annotated[
    list[str] | None,
    typer.Argument(metavar="SPEC...", help="Bundled specs' names, or paths of spec files."),
]
All = Annotated[bool, typer.Option("--all", help="Check every bundled spec, too.")]
Batches = Annotated[int, typer.Option(min=1, help="How many batches to validate on.")]
NoAudit = Annotated[
    bool, typer.Option("--no-audit", help="Leave out the audit of the surrogate's gradient.")
]


def check(
    specs: References = None,
    every: All = False,
    batches: Batches = 200,
    no_audit: NoAudit = False,
    param: Param = None,
    step: Step = None,
    interpolation: Interpolation = None,
    squash: Squash = None,
    seed: Seed = 0,
    folders: Specs = None,
    schedule: Schedules = None,
    transform: Transform = None,
    gather: Gather = None,
    memory: Memory = None,
    as_json: Json = False,
) -> None:
    """Check specs: errors, whether the refactored metric is the metric as written, the gradient.

    The gradient is audited on realistic scores: whether it is zero or not finite anywhere, whether
    steps against it improve the metric, and how far the surrogate is from the metric. That gives
    warnings, and no error. Of several specs the audit is shorter.
    """
    shared = (param, step, interpolation, squash, seed, folders, schedule)
    choices = Choices.given(*shared, transform, gather, memory)
    references = [*(specs or []), *(_bundled() if every else [])]
    if not references:
        raise typer.BadParameter("name at least one spec, or give --all")
    alone = len(references) == 1
    results = []
    for reference in _with_progress(references):
        result, compiled = _check_one(reference, choices, batches)
        results.append(result)
        if compiled is None:
            continue
        if alone and not as_json:
            print(_line(result), flush=True)
        if not no_audit:
            result["audit"] = _audit(
                compiled, reference, choices.seed, alone, alone and not as_json
            )
    if as_json:
        print_json({"ok": all(result["ok"] for result in results), "specs": results})
    elif not alone:
        _print_results(results)
    if not all(result["ok"] for result in results):
        raise typer.Exit(1)


def _with_progress(references: list[str]) -> Iterable[str]:
    """A bar on the terminal, where several specs take their time."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    silent = len(references) == 1 or not console.is_terminal
    return track(references, "Checking", console=console, transient=True, disable=silent)


def _bundled() -> list[str]:
    import lossc.specs

    return sorted(lossc.specs.names())


def _check_one(
    reference: str, choices: Choices, batches: int
) -> tuple[dict[str, Any], CompiledLoss | None]:
    """The report on one spec, and the spec; a wrong one is told on standard error at once."""
    import lossc.compiler.compile  # noqa: F401 (its imports are no part of the time)

    started = time.perf_counter()
    try:
        compiled = choices.compile(reference)
        compilation = time.perf_counter() - started
        report = compiled.check(batches)
    except Exception as error:
        if not is_the_users(error):
            raise
        complain(str(error))
        found = [diagnostic.as_dict() for diagnostic in getattr(error, "diagnostics", ())]
        found = found or [{"message": str(error)}]
        return {"spec": reference, "ok": False, "diagnostics": found}, None
    for warning in report.warnings:
        complain(f"{reference}: warning: {warning}")
    shape = compiled.stages.shape
    result = {
        "spec": reference,
        "name": compiled.spec.name.id,
        **report.as_dict(),
        "ok": report.ok,
        "counted": shape.name,
        "cost": shape.cost,
        "best": compiled.stages.best,
        "compile_seconds": compilation,
    }
    return result, compiled


def _audit(
    compiled: CompiledLoss, reference: str, seed: int, patient: bool, shown: bool
) -> dict[str, Any]:
    """The audit of one spec, with its table and warnings where these are shown."""
    from lossc.compiler.audit import audit, quick_audit, warnings

    compiled = compiled.unscheduled  # as it is once the schedules have run out
    found = audit(compiled, seed=seed) if patient else quick_audit(compiled, seed)
    if shown:
        if not found.rows:
            print("its fixed dims are too large for an audit of the gradient")
            return found.as_dict()
        title = f"gradient of {found.surrogate} ({found.seconds:.1f} s)"
        print_table(COLUMNS, map(_cells, found.rows), title=title)
        for warning in warnings(found):
            complain(f"{reference}: {warning}")
    return found.as_dict()


COLUMNS = (
    "batch",
    "scale",
    "zero",
    "non-finite",
    "dead",
    "slope",
    "improved",
    "worsened",
    "unchanged",
    "gap",
)


def _cells(row: Row) -> list[str]:
    """A line of the audit's table."""
    shares = (row.zero, row.nonfinite, row.dead)
    steps = (row.improved, row.worsened, row.unchanged)
    gap = "" if math.isnan(row.gap) else f"{row.gap:.3f}"
    slope = "" if math.isnan(row.slope) else f"{row.slope:.1e}"
    scale = f"{row.scale:g}" if row.scale else "equal"
    return [str(row.size), scale, *map(_share, shares), slope, *map(_share, steps), gap]


def _share(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.0%}"


def _line(result: dict[str, Any]) -> str:
    return (
        f"{result['spec']}: ok, {result['batches']} batches agree,"
        f" up to {result['comparisons']} comparisons,"
        f" form: {result['form']}, {result['seconds']:.1f} s"
    )


def _print_results(results: list[dict[str, Any]]) -> None:
    """A table with a line for each spec."""
    figures = ("batches", "examples", "comparisons", "configurations", "form", "cost", "counted")
    columns = ("spec", *figures, "compile", "check", "gradient")
    rows = []
    for result in results:
        if not result["ok"]:
            rows.append((result["spec"], "wrong: see above", *([""] * (len(columns) - 2))))
            continue
        cells = [str(result[name]) for name in ("spec", *figures)]
        seconds = (f"{result[name]:.2f} s" for name in ("compile_seconds", "seconds"))
        rows.append((*cells, *seconds, _codes(result.get("audit"))))
    wrong = sum(not result["ok"] for result in results)
    print_table(columns, rows)
    print(f"{len(results) - wrong} of {len(results)} specs agree with their refactoring")
    if any(result.get("audit", {}).get("warnings") for result in results):
        print("the gradient: `lossc check SPEC` shows the audit, `lossc explain L0xx` a code")


def _codes(audit: dict[str, Any] | None) -> str:
    """The codes of an audit's warnings."""
    if audit is None:
        return ""
    return " ".join(warning["code"] for warning in audit["warnings"]) or "fine"
