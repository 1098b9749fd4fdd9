"""``lossc check``: diagnostics and translation validation."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from lossc.commands.guard import complain, is_the_users
from lossc.commands.options import (
    Choices,
    Interpolation,
    Json,
    Param,
    Seed,
    Specs,
    Squash,
    Step,
    parse_params,
)
from lossc.commands.output import print_json, print_table

References = Annotated[
    list[str] | None,
    typer.Argument(metavar="SPEC...", help="Bundled specs' names, or paths of spec files."),
]
All = Annotated[bool, typer.Option("--all", help="Check every bundled spec, too.")]
Batches = Annotated[int, typer.Option(min=1, help="How many batches to validate on.")]


def check(
    specs: References = None,
    every: All = False,
    batches: Batches = 200,
    param: Param = None,
    step: Step = None,
    interpolation: Interpolation = None,
    squash: Squash = None,
    seed: Seed = 0,
    folders: Specs = None,
    as_json: Json = False,
) -> None:
    """Check specs: errors, and whether the refactored metric is the metric as written."""
    choices = Choices(parse_params(param), step, interpolation, squash, seed, tuple(folders or ()))
    references = [*(specs or []), *(_bundled() if every else [])]
    if not references:
        raise typer.BadParameter("name at least one spec, or give --all")
    results = []
    for reference in _with_progress(references):
        result = _check_one(reference, choices, batches)
        results.append(result)
        if result["ok"] and not as_json and len(references) == 1:
            print(_line(result), flush=True)
    if as_json:
        print_json({"ok": all(result["ok"] for result in results), "specs": results})
    elif len(references) > 1:
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


def _check_one(reference: str, choices: Choices, batches: int) -> dict[str, Any]:
    """The report on one spec; a wrong one is told on standard error at once."""
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
        return {"spec": reference, "ok": False, "diagnostics": found or [{"message": str(error)}]}
    for warning in report.warnings:
        complain(f"{reference}: warning: {warning}")
    shape = compiled.stages.shape
    return {
        "spec": reference,
        "name": compiled.spec.name.id,
        **report.as_dict(),
        "ok": report.ok,
        "counted": shape.name,
        "cost": shape.cost,
        "best": compiled.stages.best,
        "compile_seconds": compilation,
    }


def _line(result: dict[str, Any]) -> str:
    return (
        f"{result['spec']}: ok, {result['batches']} batches agree,"
        f" up to {result['comparisons']} comparisons,"
        f" form: {result['form']}, {result['seconds']:.1f} s"
    )


def _print_results(results: list[dict[str, Any]]) -> None:
    """A table with a line for each spec."""
    figures = ("batches", "examples", "comparisons", "configurations", "form", "cost", "counted")
    columns = ("spec", *figures, "compile", "check")
    rows = []
    for result in results:
        if not result["ok"]:
            rows.append((result["spec"], "wrong: see above", *([""] * (len(columns) - 2))))
            continue
        cells = [str(result[name]) for name in ("spec", *figures)]
        seconds = (f"{result[name]:.2f} s" for name in ("compile_seconds", "seconds"))
        rows.append((*cells, *seconds))
    wrong = sum(not result["ok"] for result in results)
    print_table(columns, rows)
    print(f"{len(results) - wrong} of {len(results)} specs agree with their refactoring")
