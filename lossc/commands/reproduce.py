"""``lossc reproduce``: the papers' tables and figures, one command each."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from lossc.commands.options import Json
from lossc.commands.output import print_json, print_table
from lossc.commands.train import Data, Settings, Workers
from lossc.commands.training import training

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="Of 'lossc reproduce --list', or 'all'."),
]
Quick = Annotated[
    bool, typer.Option("--quick", help="In minutes: small networks, few epochs, embedded data.")
]
Seeds = Annotated[
    int | None,
    typer.Option(min=1, metavar="K", help="Runs of each row. [as in the paper; 1 with --quick]"),
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where everything goes. [runs/reproduce or .../quick]"),
]
Show = Annotated[bool, typer.Option("--show", help="Show what was trained; train nothing.")]
ListExperiments = Annotated[bool, typer.Option("--list", help="List the experiments and leave.")]


def reproduce(
    names: Names = None,
    quick: Quick = False,
    data: Data = None,
    seeds: Seeds = None,
    settings: Settings = None,
    out: Out = None,
    workers: Workers = None,
    show: Show = False,
    as_json: Json = False,
    list_experiments: ListExperiments = False,
) -> None:
    """Repeat tables and figures of the papers, with the published figures beside the new ones.

    Runs that are finished are not made again, so a command that was stopped goes on.
    """
    if list_experiments:
        _list(as_json)
        return
    if not names:
        message = "name an experiment; 'lossc reproduce --list' has them"
        raise typer.BadParameter(message, param_hint="NAME")
    with training():
        from lossc.models.config import read_assignments
        from lossc.models.reproduce.command import reproduce_command
        from lossc.models.reproduce.experiment import Setting

        base = Path("runs/reproduce")
        code = reproduce_command(
            names,
            Setting(
                quick=quick,
                data=data,
                out=out or (base / "quick" if quick else base),
                seeds=seeds,
                workers=workers,
                settings=read_assignments(settings or []).settings,
                train=not show,
                options=_typed(quick, data, seeds, settings or []),
            ),
            as_json,
        )
    if code:
        raise typer.Exit(code)


def _list(as_json: bool) -> None:
    from lossc.models.reproduce.experiments import listed

    table = listed()
    if as_json:
        print_json({"experiments": [{"name": name, "doc": doc} for name, doc in table.items()]})
    else:
        print_table(("experiments", ""), table.items())


def _typed(quick: bool, data: Path | None, seeds: int | None, settings: list[str]) -> str:
    """The options that figures depend on, as typed; the folder of the data stays private."""
    parts = ["--quick"] if quick else []
    parts += ["--data DIR"] if data is not None else []
    parts += [f"--seeds {seeds}"] if seeds is not None else []
    parts += [f"--set {shlex.quote(text)}" for text in settings]
    return " ".join(parts)
