"""Examples of what a finished run says of its test split, as a picture."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from lossc.models.data.split import Split
from lossc.models.evaluate import outputs
from lossc.models.grid_picture import save_classes, save_ranking
from lossc.models.pose3d_picture import save_skeletons
from lossc.models.pose_picture import save_predictions
from lossc.models.run import Run, RunFolder

#: The first test examples that are looked at: few where a recipe has a summary of large outputs.
MANY, FEW = 2000, 60
BATCH = 12  # of those


def save_examples(run: Run) -> Path | None:
    """Draw what the tested weights of a run say of the first test examples.

    Nothing that goes wrong here is worth a run: it is told on standard error.

    Returns:
        The picture, ``examples.png`` in the run's folder; ``None``: the task has none, or it could
        not be drawn.
    """
    job, recipe = run.job, run.job.recipe
    if recipe.picture is None:
        return None
    folder = RunFolder(job.folder)
    try:
        examples = recipe.data(job.data).test.first(MANY if recipe.summary is None else FEW)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        with torch.random.fork_rng():
            network = recipe.network()
        network.load_state_dict(torch.load(folder.weights, map_location="cpu", weights_only=True))
        examples = next(examples.to(device).in_order(len(examples)))
        output = outputs(network.to(device), examples, BATCH if recipe.summary else MANY).float()
        found = recipe.inputs(output, examples.targets)
        if recipe.summary is not None:
            found |= recipe.summary(output, examples.targets)
        recipe.picture(examples, found, folder.examples)
    except Exception as error:
        message = f"{folder.examples}: not drawn ({type(error).__name__}: {error})"
        print(message, file=sys.stderr)
        return None
    return folder.examples


def classes(examples: Split, found: Mapping[str, Tensor], path: Path) -> None:
    """Images with their class and the one that was found, the wrong ones first.

    Args:
        examples: Features that are images.
        found: ``scores`` and ``label``.
        path: A PNG file.
    """
    save_classes(examples.features, found["scores"], found["label"], path)


def ranking(examples: Split, found: Mapping[str, Tensor], path: Path) -> None:
    """The images of the highest and of the lowest scores.

    Args:
        examples: Features that are images.
        found: ``score`` and ``relevant``.
        path: A PNG file.
    """
    save_ranking(examples.features, found["score"], found["relevant"], path)


def people(examples: Split, found: Mapping[str, Tensor], path: Path) -> None:
    """Skeletons over the images: see :func:`lossc.models.pose_picture.save_predictions`."""
    save_predictions(examples.features, found, path)


def people_in_3d(examples: Split, found: Mapping[str, Tensor], path: Path) -> None:
    """Skeletons from the front and from the side.

    Args:
        examples: Pictures of people.
        found: Of :func:`lossc.models.pose3d_metrics.read_joints`.
        path: A PNG file.
    """
    save_skeletons(examples.features, found["integral"], found["truth"], path)
