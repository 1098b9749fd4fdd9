"""The options that compile, check, explain, report and curves share."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from lossc.compiler.compile import CompiledLoss

Value: TypeAlias = int | float | str

Reference = Annotated[
    str, typer.Argument(metavar="SPEC", help="A bundled spec's name, or the path of a spec file.")
]
Param = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", metavar="KEY=VALUE", help="A spec's parameter; may be repeated."),
]
Step = Annotated[
    str | None,
    typer.Option(metavar="CHOICE", help="The step's relaxation: 'sigmoid(temperature=0.5)'."),
]
Interpolation = Annotated[
    str | None,
    typer.Option(metavar="CHOICE", help="The metric's interpolation: 'idw(good=8)'."),
]
Squash = Annotated[
    str | None,
    typer.Option(metavar="CHOICE", help="Bounds the scores before they are compared: 'sigmoid'."),
]
Transform = Annotated[
    str | None,
    typer.Option(metavar="CHOICE", help="'log': minus the logarithm of a metric in (0, 1]."),
]
Gather = Annotated[
    str | None,
    typer.Option(metavar="CHOICE", help="'batch': the loss of the batch of all processes."),
]
Memory = Annotated[
    str | None,
    typer.Option(metavar="CHOICE", help="Former scores beside the batch: 'queue(1024)'."),
]
Schedules = Annotated[
    list[str] | None,
    typer.Option(
        "--schedule",
        metavar="CHOICE",
        help="What changes from epoch to epoch: 'warmup(first=cross_entropy, epochs=5)', "
        "in place of the spec's own; may be repeated; 'none': nothing.",
    ),
]
Specs = Annotated[
    list[Path] | None,
    typer.Option(
        "--specs",
        metavar="DIR",
        help="A folder with specs of your own, searched first; may be repeated, or LOSSC_SPECS.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything that is sampled.")]
Json = Annotated[bool, typer.Option("--json", help="Print the figures for programs.")]


@dataclass(frozen=True)
class Choices:
    """The shared options of one command line."""

    params: dict[str, Value]
    step: str | None
    interpolation: str | None
    squash: str | None
    seed: int
    folders: tuple[Path, ...] = ()
    schedules: tuple[str, ...] | None = None
    transform: str | None = None
    gather: str | None = None
    memory: str | None = None

    @classmethod
    def given(
        cls,
        param: list[str] | None,
        step: str | None,
        interpolation: str | None,
        squash: str | None,
        seed: int,
        folders: list[Path] | None,
        schedule: list[str] | None = None,
        transform: str | None = None,
        gather: str | None = None,
        memory: str | None = None,
    ) -> Choices:
        """The options as typer gives them.

        Raises:
            typer.BadParameter: A param is not KEY=VALUE.
        """
        schedules = tuple(schedule) if schedule else None
        where = tuple(folders or ())
        shared = (parse_params(param), step, interpolation, squash, seed, where, schedules)
        return cls(*shared, transform, gather, memory)

    def contender(
        self, reference: str, interpolation: str | None, transform: str | None
    ) -> CompiledLoss:
        """``reference`` with another interpolation and transform, to be compared on one batch.

        Raises:
            SpecError: The spec, or an option, is wrong.
        """
        other = replace(
            self,
            interpolation=interpolation or self.interpolation,
            transform=transform,
            gather=None,
            memory="none",  # a queue would mix batches that are compared one by one
        )
        return other.compile(reference).unscheduled

    def compile(self, reference: str) -> CompiledLoss:
        """``reference`` compiled with these options.

        Raises:
            SpecError: The spec, or an option, is wrong.
        """
        from lossc.compiler.compile import compile_spec

        return compile_spec(
            reference,
            params=self.params,
            step=self.step,
            interpolation=self.interpolation,
            squash=self.squash,
            seed=self.seed,
            folders=self.folders,
            schedule=self.schedules,
            transform=self.transform,
            gather=self.gather,
            memory=self.memory,
        )


def parse_params(pairs: list[str] | None) -> dict[str, Value]:
    """``["alpha=0.2", "mode=both"]`` as ``{"alpha": 0.2, "mode": "both"}``.

    >>> parse_params(["k=5", "alpha=0.2", "mode=both"])
    {'k': 5, 'alpha': 0.2, 'mode': 'both'}

    Raises:
        typer.BadParameter: A pair has no name or no ``=``, a name comes twice, a value is NaN.
    """
    params: dict[str, Value] = {}
    for pair in pairs or []:
        key, equals, text = (part.strip() for part in pair.partition("="))
        if not equals or not key or not text:
            raise typer.BadParameter(f"'{pair}' is not KEY=VALUE", param_hint="--param")
        if key in params:
            raise typer.BadParameter(f"'{key}' is given twice", param_hint="--param")
        params[key] = _value(text)
        if params[key] != params[key]:
            raise typer.BadParameter(f"'{key}' is not a number: {text}", param_hint="--param")
    return params


def _value(text: str) -> Value:
    for convert in (int, float):
        try:
            value = convert(text)
        except ValueError:
            continue
        # 1e999 silently became inf: only a written inf means it
        return text if math.isinf(value) and "inf" not in text.lower() else value
    return text
