"""``lossc train``: a bundled task with one loss or several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lossc.commands.list import print_tasks
from lossc.commands.options import Interpolation, Json, Specs, Squash, Step
from lossc.commands.training import training

Task = Annotated[str | None, typer.Argument(metavar="TASK", help="A task of 'lossc train --list'.")]
Losses = Annotated[
    list[str] | None,
    typer.Option(
        "--loss",
        metavar="SPEC",
        help="A spec, or a baseline: cross_entropy, class_bce, bce; may be repeated. "
        "[the task's own]",
    ),
]
Seeds = Annotated[int | None, typer.Option(min=1, metavar="K", help="Runs of each loss. [1]")]
Workers = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Runs at the same time. [as many as cores]")
]
Devices = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="GPUs, or CPU processes, that make a run together. [1]"),
]
Data = Annotated[
    Path | None,
    typer.Option(metavar="DIR", envvar="LOSSC_DATA", help="Where the data lies. [download it]"),
]
Epochs = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Passes over the data. [the task's own]")
]
BatchSize = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Examples of a step. [the task's own]")
]
Rate = Annotated[
    float | None, typer.Option("--lr", metavar="RATE", help="Learning rate. [the task's own]")
]
Quick = Annotated[bool, typer.Option("--quick", help="A short run, for a laptop.")]
Out = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where logs and checkpoints go. [runs/TASK]")
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="NAME=FILE",
        help="An input that is the same for every batch: a .npy or .csv file; may be repeated.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A YAML file with settings, as --show prints them."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A setting of the task, such as optimiser.momentum=0.8; may be repeated.",
    ),
]
Precision = Annotated[
    str | None, typer.Option(metavar="NAME", help="bf16-mixed or 16-mixed. [32-true]")
]
Patience = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Stop after N epochs without a better validation figure. [never]"
    ),
]
Clip = Annotated[
    float | None, typer.Option(metavar="NORM", help="The largest norm of the gradient. [any]")
]
Keep = Annotated[
    bool, typer.Option("--keep-finished", help="Make no finished run of the same settings again.")
]
Show = Annotated[bool, typer.Option("--show", help="Print all settings as YAML and leave.")]
ListTasks = Annotated[bool, typer.Option("--list", help="List the tasks and leave.")]


def train(
    task: Task = None,
    loss: Losses = None,
    seeds: Seeds = None,
    data: Data = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    lr: Rate = None,
    config: Config = None,
    settings: Settings = None,
    precision: Precision = None,
    patience: Patience = None,
    clip: Clip = None,
    quick: Quick = False,
    out: Out = None,
    keep_finished: Keep = False,
    workers: Workers = None,
    devices: Devices = None,
    step: Step = None,
    interpolation: Interpolation = None,
    squash: Squash = None,
    folders: Specs = None,
    constants: Inputs = None,
    as_json: Json = False,
    show: Show = False,
    list_tasks: ListTasks = False,
) -> None:
    """Train a bundled task; with several losses, print a side-by-side table."""
    if list_tasks:
        print_tasks(as_json)
        return
    if task is None and config is None:
        raise typer.BadParameter("name a task; 'lossc train --list' has them", param_hint="TASK")
    if lr is not None and not 0 < lr < float("inf"):
        raise typer.BadParameter(f"{lr} is not a positive number", param_hint="--lr")
    with training():
        from lossc.models.command import train_command

        code = train_command(
            task=task,
            losses=loss or [],
            seeds=seeds,
            data=data,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            quick=quick,
            out=out,
            workers=workers,
            devices=devices,
            as_json=as_json,
            step=step,
            interpolation=interpolation,
            squash=squash,
            folders=tuple(folders or ()),
            inputs=_files(constants or []),
            config=config,
            settings=settings or [],
            precision=precision,
            patience=patience,
            clip=clip,
            keep_finished=keep_finished,
            show=show,
        )
    if code:
        raise typer.Exit(code)


def _files(pairs: list[str]) -> dict[str, Path]:
    """``cost=table.csv`` by name."""
    files = {}
    for pair in pairs:
        name, sign, path = pair.partition("=")
        if not sign or not name.isidentifier() or not path or name in files:
            raise typer.BadParameter(f"'{pair}' is not NAME=FILE", param_hint="--input")
        files[name] = Path(path)
    return files
