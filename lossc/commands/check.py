"""``lossc check``: diagnostics and translation validation."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lossc.commands.guard import complain, is_the_users
from lossc.commands.options import (
    Choices,
    Interpolation,
    Json,
    Param,
    Seed,
    Squash,
    Step,
    parse_params,
)
from lossc.commands.output import print_json

References = Annotated[
    list[str],
    typer.Argument(metavar="SPEC...", help="Bundled specs' names, or paths of spec files."),
]
Batches = Annotated[int, typer.Option(min=1, help="How many batches to validate on.")]


def check(
    specs: References,
    batches: Batches = 200,
    param: Param = None,
    step: Step = None,
    interpolation: Interpolation = None,
    squash: Squash = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Check specs: errors, and whether the refactored metric is the metric as written."""
    choices = Choices(parse_params(param), step, interpolation, squash, seed)
    results = []
    for reference in specs:
        result = _check_one(reference, choices, batches)
        results.append(result)
        if not as_json and result["ok"]:
            print(_line(result), flush=True)
    if as_json:
        print_json({"ok": all(result["ok"] for result in results), "specs": results})
    if not all(result["ok"] for result in results):
        raise typer.Exit(1)


def _check_one(reference: str, choices: Choices, batches: int) -> dict[str, Any]:
    """The report on one spec; a wrong one is told on standard error at once."""
    try:
        compiled = choices.compile(reference)
        report = compiled.check(batches)
    except Exception as error:
        if not is_the_users(error):
            raise
        complain(str(error))
        found = [diagnostic.as_dict() for diagnostic in getattr(error, "diagnostics", ())]
        return {"spec": reference, "ok": False, "diagnostics": found or [{"message": str(error)}]}
    for warning in report.warnings:
        complain(f"{reference}: warning: {warning}")
    return {"spec": reference, "name": compiled.spec.name.id, **report.as_dict(), "ok": report.ok}


def _line(result: dict[str, Any]) -> str:
    return (
        f"{result['spec']}: ok, {result['batches']} batches agree,"
        f" up to {result['comparisons']} comparisons,"
        f" form: {result['form']}, {result['seconds']:.1f} s"
    )
