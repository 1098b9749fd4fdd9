"""``python -m lossc.models.pose_report RUN``: a trained pose network, tested as in the papers.

PCKh@0.5 and PCK@0.2 by group of joints; with single images, with mirrored ones, and with six scales
besides; and how often joints are counted twice.
"""

from __future__ import annotations

import argparse
import ast
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from lossc.grammar.errors import LosscError
from lossc.models.data.joints import GROUPS
from lossc.models.data.pose import PoseData
from lossc.models.data.split import Split, Splits
from lossc.models.errors import TaskError
from lossc.models.pose_metrics import guess, mean_places, shares_found
from lossc.models.pose_picture import save_predictions
from lossc.models.pose_testing import (
    SIX_SCALES,
    Activation,
    counted_double,
    found_by,
    non_negative,
    probabilities,
)
from lossc.models.recipe import Recipe
from lossc.models.recipes import find_recipe
from lossc.models.recipes.pose import PoseInputs, PoseNetwork
from lossc.models.run import RunFolder, read_json

COLUMNS = (*GROUPS, "mean")
METRICS = {"PCKh@0.5": ("head", 0.5), "PCK@0.2": ("torso", 0.2)}
TESTS: dict[str, dict[str, Any]] = {
    "single image": {},
    "mirrored": {"mirrored": True},
    "six scales, mirrored": {"mirrored": True, "scales": SIX_SCALES},
}
LOGITS = ("anchor_pose", "focal_pose")  # losses whose maps are logits


def report(run: Path, data: Path | None = None, picture: Path | None = None) -> dict[str, Any]:
    """The figures of one finished run on its test split.

    Args:
        run: The folder of the run, ``runs/TASK/LOSS/SEED``.
        data: The folder of the data, as it was trained on.
        picture: Where to draw the skeletons that were found in the first test images (PNG).

    Returns:
        ``task``, ``loss``; ``tests``: by test, by metric, by group of joints; ``double``: the
        counts of :class:`lossc.models.analysis.DoubleCounting` and their ratios.

    Raises:
        TaskError: There is no finished run of a pose task, or its weights do not fit.
        DataError: The data is missing or damaged.
    """
    folder = RunFolder(run)
    settings = read_json(folder.settings)
    if not isinstance(settings, dict) or not folder.weights.is_file():
        raise TaskError(f"{run}: no finished run: {folder.settings.name} or network.pt is missing")
    recipe = _as_trained(settings)
    if getattr(recipe.inputs, "joints", None) is not None:
        raise TaskError(f"task '{recipe.name}' has maps of some joints only; this is for all 16")
    activation = activation_of(str(settings["loss"]))
    network = _network(recipe, folder)
    splits = recipe.data(data)
    assert isinstance(splits, Splits)  # all pose data is in memory
    test = splits.test.to(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    network = network.to(test.features.device)
    tests = {}
    for name, options in TESTS.items():
        found = found_by(network, test, activation=activation, **options)
        tests[name] = _shares(found)
    if picture is not None:
        save_predictions(test.features, found, picture)
    tests["the middle"] = _shares(guess(test.targets))
    tests["the mean pose"] = _shares(guess(test.targets, _mean_pose(splits.train, test)))
    double = counted_double(network, test, activation)
    return {
        "task": recipe.name,
        "loss": settings["loss"],
        "tests": tests,
        "double": {
            "maps": double.maps,
            "several": double.several,
            "right": double.right,
            "share_several": double.share_several,
            "share_right": double.share_right,
        },
    }


def _mean_pose(train: Split, test: Split) -> torch.Tensor:
    """The training people's mean pose, in shares of a test image; those have no margin."""
    ratio = train.features.shape[-1] / test.features.shape[-1]
    return (ratio * (mean_places(train.targets) - 0.5) + 0.5).to(test.features.device)


def activation_of(loss: str) -> Activation:
    """What maps go through that a loss was trained on, by its text."""
    return probabilities if loss.partition("(")[0].strip() in LOGITS else non_negative


def _as_trained(settings: Mapping[str, Any]) -> Recipe:
    """The recipe of a run, with the data, the network and the joints that it had."""
    recipe = find_recipe(settings["task"])
    if settings.get("embedded"):
        recipe = recipe.shortened(embedded=True)
    for name, kind in (("data", PoseData), ("network", PoseNetwork), ("inputs", PoseInputs)):
        made = _made(str(settings.get(name)), kind)
        recipe = recipe if made is None else replace(recipe, **{name: made})
    return recipe


def _made(text: str, kind: type) -> Any:
    """What a text in a run's settings stands for: a call of ``kind`` with plain values.

    >>> _made("PoseNetwork(stacks=2, pool=True)", PoseNetwork).stacks
    2
    """
    try:
        call = ast.parse(text, mode="eval").body
        if not isinstance(call, ast.Call) or ast.unparse(call.func) != kind.__name__:
            return None
        values = {str(item.arg): ast.literal_eval(item.value) for item in call.keywords}
        return kind(**values)
    except (SyntaxError, TypeError, ValueError):
        return None


def _network(recipe: Recipe, folder: RunFolder) -> torch.nn.Module:
    try:
        weights = torch.load(folder.weights, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file gives errors of every kind
        raise TaskError(f"{folder.weights}: cannot be read: {error}") from None
    network = recipe.network()
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        said = str(error).splitlines()[0]
        raise TaskError(
            f"{folder.weights}: these are no weights of task '{recipe.name}': {said[:300]}"
        ) from None
    return network


def _shares(found: dict[str, torch.Tensor]) -> dict[str, dict[str, float]]:
    figures = {name: shares_found(found, *rule) for name, rule in METRICS.items()}
    return {
        name: {column: shares[column] for column in COLUMNS} for name, shares in figures.items()
    }


def print_report(figures: dict[str, Any], console: Console) -> None:
    """The figures as one table a metric, in percent."""
    for metric in METRICS:
        title = f"{figures['task']}, {figures['loss']}: {metric} in percent"
        table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
        table.add_column("test")
        for column in COLUMNS:
            table.add_column(column, justify="right")
        for name, shares in figures["tests"].items():
            table.add_row(name, *(f"{100 * shares[metric][column]:.1f}" for column in COLUMNS))
        console.print(table)
    double = figures["double"]
    right = "-" if math.isnan(double["share_right"]) else f"{100 * double['share_right']:.1f} %"
    console.print(
        f"double counting: {double['several']} of {double['maps']} maps have several peaks "
        f"({100 * double['share_several']:.1f} %); the highest is right in {right}"
    )


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: what is not known is ``null``."""
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lossc.models.pose_report", description=__doc__)
    parser.add_argument("run", type=Path, help="runs/TASK/LOSS/SEED")
    parser.add_argument("--data", type=Path, help="the folder of the data")
    parser.add_argument("--picture", type=Path, help="draw what was found into this PNG file")
    parser.add_argument("--json", action="store_true", help="print the figures for programs")
    options = parser.parse_args(arguments)
    try:
        figures = report(options.run, options.data, options.picture)
    except (LosscError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(_without_nan(figures), indent=2, allow_nan=False))
    else:
        print_report(figures, Console(highlight=False, width=110))
    return 0


if __name__ == "__main__":
    sys.exit(main())
