"""Grids of small images: what a classifier or a ranking makes of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import isqrt
from pathlib import Path

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

COLUMNS = 10
WRONG = 20  # at most, before the right ones
SHOWN = 30
HEADER = 0.3  # of the height of a row of images
RIGHT_COLOUR, WRONG_COLOUR = "black", "tab:red"


def save_classes(features: Tensor, scores: Tensor, label: Tensor, path: Path) -> Path:
    """Draw images under their class; ``3 > 8``, in red, is a 3 that was taken for an 8.

    Wrong ones come first, those with the largest lead of the wrong class before the others.

    Args:
        features: ``[n, ...]``: see :func:`as_image`.
        scores: ``[n, p]``.
        label: ``int[n]``.
        path: A PNG file.

    Returns:
        ``path``.
    """
    chosen = shown_first(scores, label)
    guess = scores.argmax(dim=1)
    titles = []
    for index in chosen:
        true, said = int(label[index]), int(guess[index])
        titles.append((str(true) if true == said else f"{true} > {said}", true == said))
    share = float((guess == label).double().mean())
    about = (
        f"the first {len(label)} test examples, {share:.1%} right; wrong ones first: class > found"
    )
    return _save(features, [chosen], [titles], [about], path)


def save_ranking(features: Tensor, score: Tensor, relevant: Tensor, path: Path) -> Path:
    """Draw the images at the top and at the bottom of a ranking, the misplaced ones in red.

    Args:
        features: ``[n, ...]``: see :func:`as_image`.
        score: ``[n]``.
        relevant: ``bool[n]``.
        path: A PNG file.

    Returns:
        ``path``.
    """
    order = score.argsort(descending=True, stable=True).tolist()
    ends = [order[:COLUMNS], order[-COLUMNS:]]
    # where the relevant ones should end
    middle = int(relevant.sum())
    around = order[max(middle - COLUMNS, 0) : middle + COLUMNS]
    parts = [ends[0], around, ends[1]]
    titles = [
        [
            (f"{float(score[index]):.2f}", bool(relevant[index]) == (rank < middle))
            for index, rank in ((index, order.index(index)) for index in part)
        ]
        for part in parts
    ]
    about = [
        f"the highest scores of the first {len(order)} test examples",
        f"around rank {middle}, where the last relevant one should be",
        "the lowest scores",
    ]
    return _save(features, parts, titles, about, path)


def shown_first(scores: Tensor, label: Tensor) -> list[int]:
    """The indices of the examples that are drawn, in order."""
    own = scores.gather(1, label[:, None].long()).squeeze(1)
    lead = scores.max(dim=1).values - own
    wrong = scores.argmax(dim=1) != label
    order = torch.where(wrong, lead, -torch.ones_like(lead)).argsort(descending=True, stable=True)
    found = order[: min(int(wrong.sum()), WRONG)].tolist()
    right = (~wrong).nonzero().flatten().tolist()
    return [*found, *right[: SHOWN - len(found)]]


def as_image(features: Tensor) -> Tensor:
    """An example as ``[h, w]`` or ``[h, w, 3]`` in [0, 1].

    Args:
        features: Bytes, or numbers, which are stretched from the least to the greatest: ``[3, h,
            w]``, ``[1, h, w]``, ``[h, w]``, or the numbers of a square one after the other.

    Raises:
        ValueError: It is no image.
    """
    image = features.float().cpu()
    if image.dim() == 1 and isqrt(len(image)) ** 2 == len(image):
        image = image.view(isqrt(len(image)), -1)
    if image.dim() == 3 and image.shape[0] in (1, 3):
        image = image.permute(1, 2, 0).squeeze(-1)
    if image.dim() not in (2, 3) or (image.dim() == 3 and image.shape[-1] != 3):
        raise ValueError(f"{list(features.shape)} is no image")
    if features.dtype == torch.uint8:
        return image / 255
    least, most = image.min(), image.max()
    return (image - least) / (most - least).clamp_min(1e-12)


def _save(
    features: Tensor,
    parts: Sequence[Sequence[int]],
    titles: Sequence[Sequence[tuple[str, bool]]],
    about: Sequence[str],
    path: Path,
) -> Path:
    """One block of images under another, each with a line about it."""
    rows = [max(-(-len(part) // COLUMNS), 1) for part in parts]
    height = sum(rows) + HEADER * len(parts)
    figure = Figure(figsize=(0.9 * COLUMNS, 1.1 * height))
    FigureCanvasAgg(figure)
    top = 0.0
    for part, names, line, count in zip(parts, titles, about, rows, strict=True):
        figure.text(0.01, 1 - (top + 0.2) / height, line, fontsize=9, va="top")
        top += HEADER
        for nth, (index, (name, right)) in enumerate(zip(part, names, strict=True)):
            row, column = divmod(nth, COLUMNS)
            place = (column / COLUMNS + 0.01, 1 - (top + row + 0.98) / height)
            axes = figure.add_axes((*place, 0.08, 0.72 / height))
            axes.set_axis_off()
            axes.imshow(as_image(features[index]).numpy(), cmap="gray")
            axes.set_title(name, fontsize=8, pad=2, color=RIGHT_COLOUR if right else WRONG_COLOUR)
        top += count
    partial = path.with_name(path.name + ".part")
    figure.savefig(partial, format="png", dpi=110)
    os.replace(partial, path)
    return path
